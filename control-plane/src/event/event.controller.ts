import { Controller, Inject } from "@nestjs/common";
import { AppError, canonicalJson, idFromUuid, uuidFromId, type JsonObject, type RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { EVENTS, type Events } from "./events.ts";

@Controller()
export class EventController {
  private readonly events: Events;

  constructor(@Inject(EVENTS) events: Events) {
    this.events = events;
  }

  /** A custom event, plain or as a structured CloudEvent. One with an id is the same event however often it comes. */
  @Handles("eventSend")
  async send(@Call("eventSend") call: CallOf<"eventSend">): Promise<RouteResponse<"eventSend">> {
    const { project, body, actor, idempotencyKey } = call;
    const uuid = this.events.newId();
    const at = new Date().toISOString();
    const event: JsonObject = {
      id: body.id ?? idFromUuid("ev", uuid),
      type: body.type,
      ...(body.source === undefined ? {} : { source: body.source }),
      ...(body.subject === undefined ? {} : { subject: body.subject }),
      at: body.time ?? at,
      data: (body.data ?? null) as JsonObject[string], // JSON by its schema
    };
    const dedupe =
      body.id !== undefined
        ? `id ${body.source ?? ""} ${body.id}`
        : idempotencyKey === undefined
          ? undefined
          : `key ${call.principal.userId} ${idempotencyKey}`;
    const run = call.request.headers["x-capstan-run"];
    const sentBy = typeof run === "string" ? uuidFromId("run", run) : undefined;
    const kept = await this.events.store.put(project.id, {
      id: uuid,
      type: body.type,
      dedupe,
      actor,
      sentBy,
      body: event,
    });
    if (kept.isNew) this.events.wake();
    else if (body.id === undefined && !isSame(kept.body, event)) {
      throw new AppError("idempotency_key_reused", "This Idempotency-Key was used for another event.");
    } else void call.reply.header("idempotency-replayed", "true");
    const { id, type } = kept.body;
    return { id: String(id), type: String(type), at: String(kept.body["at"]), already: !kept.isNew };
  }
}

/** Apart from what each sending gets anew. */
const isSame = (a: JsonObject, b: JsonObject): boolean => canonicalJson(asked(a)) === canonicalJson(asked(b));
const asked = ({ id: _id, at: _at, ...rest }: JsonObject): JsonObject => rest;
