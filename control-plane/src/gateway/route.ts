// Which frame goes to which handler, and in which phase it may come.
import {
  closeCodes,
  uuidFromId,
  type AgentBody,
  type AgentFrame,
  type FinishItem,
  type ReportItem,
} from "@capstan/proto";
import { handleConfirm, handleHeartbeat } from "./heartbeat.ts";
import { handleHello, handleInventory } from "./greeting.ts";
import type { AgentSession } from "./session.ts";

export function handleFrame(session: AgentSession, frame: AgentFrame): void {
  if (session.phase === "opening" || session.phase === "greeting") {
    if (frame.t === "hello") handleHello(session, frame.b);
    else if (frame.t === "inventory") handleInventory(session, frame.b);
    else session.close(closeCodes.protocolError, `${frame.t} before the welcome`);
    return;
  }
  switch (frame.t) {
    case "hello":
      return session.close(closeCodes.protocolError, "a second hello");
    case "inventory":
      return handleInventory(session, frame.b);
    case "ready":
      if (session.phase === "syncing") session.goLive();
      return;
    case "heartbeat":
      return handleHeartbeat(session, frame.b, frame.id);
    case "ask":
      return session.stated(frame.b);
    case "report":
      return handleReport(session, frame.b, frame.id);
    case "cancel.ack":
      return session.cancels.seen(frame.b.attempt, frame.b.epoch);
    case "confirm":
      return handleConfirm(session, frame.b, frame.id);
    case "drain":
      session.paused = true;
      return session.send("drain.ack", { running: 0 }, frame.id);
    case "bye":
      return handleBye(session, frame.b, frame.id);
    case "token":
      return session.send(
        "error",
        { code: "unsupported", message: "tokens of attempts are not supported yet" },
        frame.id,
      );
    case "drain.ack":
      return;
    case "error":
      session.services.log.warn(
        {
          component: "gateway",
          agent: session.identity.name,
          session: session.session,
          code: frame.b.code,
          detail: frame.b.message,
        },
        "the agent refused a frame",
      );
  }
}

function handleReport(session: AgentSession, body: AgentBody<"report">, id: number): void {
  // Slots first: what this report frees may be offered again by the very commit that it causes.
  session.stated(body);
  const items = body.items;
  if (items.length === 0) return;
  for (const item of items) {
    // One that its agent keeps is never sent; what is known of it stands in the finish.
    if (item.kind === "finish" && item.log !== undefined && item.log.store === undefined)
      finishLog(session, item, item.log);
  }
  const by = { projectId: session.projectId, agentId: session.agentId, session: session.session };
  session.services.reports.apply(by, items).then(
    (answers) => acknowledge(session, items, answers, id),
    (error: unknown) => session.internal(id, error),
  );
}

function acknowledge(
  session: AgentSession,
  items: readonly ReportItem[],
  answers: Awaited<ReturnType<AgentSession["services"]["reports"]["apply"]>>,
  id: number,
): void {
  const known = [];
  let unknown = 0;
  for (let i = 0; i < answers.length; i++) {
    const answer = answers[i];
    if (answer === undefined) continue;
    if (!("unknown" in answer)) {
      known.push(answer);
      const item = items[i];
      if (item?.kind === "finish") session.cancels.seen(item.attempt, item.epoch);
    } else unknown++;
  }
  if (known.length > 0) session.send("report.ack", { items: known }, id);
  if (unknown > 0) session.unknownAttempt(id, "report");
}

function finishLog(session: AgentSession, item: FinishItem, log: NonNullable<FinishItem["log"]>): void {
  const attemptId = uuidFromId("att", item.attempt);
  if (attemptId !== undefined) session.services.logs.finished(session, attemptId, item.attempt, item.epoch, log);
}

function handleBye(session: AgentSession, body: AgentBody<"bye">, id: number): void {
  session.paused = true;
  session.services.inventory.release(session.identity, body.released).then(
    () => session.send("bye.ack", {}, id),
    (error: unknown) => session.internal(id, error),
  );
}
