// Routes of events: sent by others, and told as they happen.
import { sendEventBodySchema, sentEventSchema } from "./event.ts";
import { liveQuery } from "./live.ts";
import type { Route } from "./route.ts";

const P = "/api/v1/projects/{project}";
const eventStream = "text/event-stream";

export const eventRoutes = {
  eventSend: {
    method: "POST",
    path: `${P}/events`,
    summary: "Tell an event, plain or as a CloudEvent, to the tasks and triggers that wait for it",
    permission: "runs:start",
    idempotency: "key",
    body: sendEventBodySchema,
    response: sentEventSchema,
    status: 202,
  },
  eventStream: {
    method: "GET",
    path: `${P}/events/stream`,
    summary: "Live events of up to 20 topics",
    permission: "runs:read",
    idempotency: "safe",
    query: liveQuery,
    responseType: eventStream,
  },
} as const satisfies Record<string, Route>;
