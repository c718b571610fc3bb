// Hello, its inventory and the welcome: the opening of a session (docs/protocol.md, "The opening of a session").
import {
  closeCodes,
  idFromUuid,
  protocolRange,
  type AgentBody,
  type InventoryItem,
  type Verdict,
} from "@capstan/proto";
import type { Greeting } from "../result/inventory.service.ts";
import type { PlacedAgent } from "./placed-agent.ts";
import type { AgentSession } from "./session.ts";

interface Gathering {
  readonly hello: AgentBody<"hello">;
  readonly items: InventoryItem[];
}

const inventoryMax = 10_000;
const minVersion = "0.1.0";
const gatherings = new WeakMap<AgentSession, Gathering>();

export function handleHello(session: AgentSession, hello: AgentBody<"hello">): void {
  if (gatherings.has(session) || session.phase !== "opening")
    return session.close(closeCodes.protocolError, "a second hello");
  if (hello.protocol.min > protocolRange.max || hello.protocol.max < protocolRange.min) {
    return session.close(
      closeCodes.upgradeRequired,
      `protocol ${protocolRange.min} to ${protocolRange.max} is spoken here`,
    );
  }
  if (hello.agent !== idFromUuid("ag", session.identity.agentId)) {
    return session.close(closeCodes.protocolError, "a hello in another agent's name");
  }
  const gathering = { hello, items: [...hello.inventory] };
  gatherings.set(session, gathering);
  if (!hello.more) greet(session, gathering);
}

export function handleInventory(session: AgentSession, page: AgentBody<"inventory">): void {
  const gathering = gatherings.get(session);
  if (gathering === undefined || session.phase !== "opening")
    return session.close(closeCodes.protocolError, "an inventory that nobody asked for");
  gathering.items.push(...page.items);
  if (gathering.items.length > inventoryMax)
    return session.close(closeCodes.protocolError, `more than ${inventoryMax} attempts`);
  if (!page.more) greet(session, gathering);
}

function greet(session: AgentSession, { hello, items }: Gathering): void {
  const beforeMs = session.nowMs();
  session.beginGreeting();
  session.services.inventory.greet(session.identity, hello, items).then(
    (greeting) => answer(session, hello, greeting, beforeMs),
    (error: unknown) => {
      session.services.log.warn(
        { component: "gateway", agent: session.identity.name, err: error },
        "hello not decided",
      );
      session.close(closeCodes.tryLater, "the database does not answer");
    },
  );
}

function answer(session: AgentSession, hello: AgentBody<"hello">, greeting: Greeting, beforeMs: number): void {
  switch (greeting.kind) {
    case "stale":
      session.send("error", {
        code: "hello_stale",
        message: `connection ${greeting.last} was seen`,
        last: greeting.last,
      });
      return session.close(closeCodes.restart, "hello_stale");
    case "conflict":
      return session.close(closeCodes.identityConflict, "this identity belongs to another host");
    case "refused":
      return greeting.state === "revoked"
        ? session.close(closeCodes.revoked, "revoked")
        : session.close(closeCodes.suspended, greeting.state);
    case "welcome":
      return welcome(session, hello, greeting, beforeMs);
  }
}

function welcome(
  session: AgentSession,
  hello: AgentBody<"hello">,
  greeting: Extract<Greeting, { kind: "welcome" }>,
  beforeMs: number,
): void {
  if (session.phase === "closed")
    return session.services.inventory.setState(session.identity, greeting.session, "closed");
  const { identity, settings } = session;
  session.welcomed(greeting.session, placedBy(session, hello, greeting.pinned), greeting.state, beforeMs);
  session.stated({ free: hello.free, offers: 0 });
  session.send("welcome", {
    session: greeting.session,
    incarnation: greeting.incarnation,
    serverTimeMs: Date.now(),
    heartbeatMs: settings.heartbeatMs,
    pool: identity.pool,
    labels: { ...greeting.pinned },
    config: { logWindow: { ...settings.logWindow }, logFlushMs: settings.logFlushMs },
    minVersion,
    full: false,
    verdicts: [...greeting.verdicts] satisfies Verdict[],
    agent: hello.agent,
    name: identity.name,
  });
}

/** Pinned labels win over facts, and facts over what the agent says of itself. */
const placedBy = (
  session: AgentSession,
  hello: AgentBody<"hello">,
  pinned: Readonly<Record<string, string>>,
): PlacedAgent => ({
  projectId: session.identity.projectId,
  poolId: session.identity.poolId,
  labels: { ...hello.labels.self, ...hello.labels.facts, ...pinned },
  name: session.identity.name,
  executors: hello.executors.map((one) => one.kind),
  slots: hello.slots,
  pinned,
  allowData: hello.allowData,
  resources: hello.resources,
});
