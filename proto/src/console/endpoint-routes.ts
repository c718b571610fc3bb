// Routes of endpoints: a part of the table of `routes.ts`. Their addresses may hold what is not for everybody, so that
// reading them takes what changing them takes.
import {
  createEndpointBodySchema,
  endpointSchema,
  endpointSecretSchema,
  messageListQuery,
  messageSchema,
} from "./endpoint.ts";
import { page, type Route } from "./route.ts";

const P = "/api/v1/projects/{project}" as const;
const E = `${P}/endpoints/{endpoint}` as const;
const permission = "webhooks:write";

export const endpointRoutes = {
  endpointList: {
    method: "GET",
    path: `${P}/endpoints`,
    summary: "Endpoints that events are sent to",
    permission,
    idempotency: "safe",
    response: page(endpointSchema),
    errors: ["reauth_required"],
  },
  endpointCreate: {
    method: "POST",
    path: `${P}/endpoints`,
    summary: "Send events to an address; the secret that they are signed with is shown once",
    permission,
    idempotency: "key",
    body: createEndpointBodySchema,
    response: endpointSecretSchema,
    status: 201,
    errors: ["reauth_required", "egress_denied", "idempotency_key_reused"],
  },
  endpointGet: {
    method: "GET",
    path: E,
    summary: "One endpoint",
    permission,
    idempotency: "safe",
    response: endpointSchema,
    etag: "settings",
    errors: ["reauth_required"],
  },
  endpointDelete: {
    method: "DELETE",
    path: E,
    summary: "Send nothing there any more; its deliveries go with it",
    permission,
    idempotency: "yes",
    status: 204,
    precondition: "required",
    errors: ["reauth_required"],
  },
  endpointRotate: {
    method: "POST",
    path: `${E}/actions/rotate`,
    summary: "Sign with a new secret, and for 24 hours with the one before it as well",
    permission,
    idempotency: "key",
    response: endpointSecretSchema,
    errors: ["reauth_required", "idempotency_key_reused"],
  },
  endpointTest: {
    method: "POST",
    path: `${E}/actions/test`,
    summary: "Send an event of the type `test`",
    permission,
    idempotency: "no",
    response: messageSchema,
    errors: ["reauth_required"],
  },
  endpointEnable: {
    method: "POST",
    path: `${E}/actions/enable`,
    summary: "Let an endpoint that is off take events again; what waited is sent; repeats are harmless",
    permission,
    idempotency: "yes",
    response: endpointSchema,
    errors: ["reauth_required"],
  },
  endpointDeliveries: {
    method: "GET",
    path: `${E}/deliveries`,
    summary: "What was sent, newest first, with every try",
    permission,
    idempotency: "safe",
    query: messageListQuery,
    response: page(messageSchema),
    errors: ["reauth_required"],
  },
  endpointReplay: {
    method: "POST",
    path: `${E}/deliveries/{message}/actions/replay`,
    summary: "Send an event again, under the same webhook-id",
    permission,
    idempotency: "yes",
    response: messageSchema,
    errors: ["reauth_required"],
  },
} as const satisfies Readonly<Record<string, Route>>;
