// The agent against a control plane that speaks the real protocol, with real runners and processes.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { isAlive, makeAgentFixture, runnersOf, until, type AgentFixture } from "./testing/agent-fixture.ts";
import { listeningPorts } from "../../test/support/process-scan.ts";
import { scriptDocument } from "./testing/script-executor.ts";

let fixture: AgentFixture | undefined;
afterEach(async () => {
  await fixture?.dispose();
  fixture = undefined;
});

test("an offer is run, and result and log arrive whole", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(scriptDocument({ hi: 'echo hello; echo oops >&2; printf \'{"rows":3}\' > "$OUT"' }));
  await fixture.start();
  const [attempt = ""] = fake.offer(digest, "hi");
  await until(() => fake.finishOf(attempt) !== undefined && fake.completeLogs.has(attempt));
  expect(fake.finishOf(attempt)).toMatchObject({ outcome: "succeeded", exitCode: 0, outputs: { rows: 3 } });
  const log = fake.logOf(attempt).toString();
  expect(log).toMatch(/^s0 @\d+\n/);
  expect(log).toMatch(/^o[0-9a-z]+ hello$/m);
  expect(log).toMatch(/^e[0-9a-z]+ oops$/m);
});

test("agent and runner listen on no network address while a task runs, and every socket of theirs is the owner's", async () => {
  fixture = await makeAgentFixture();
  const { fake, dataDir } = fixture;
  const digest = fake.addDocument(scriptDocument({ slow: "echo begun; while [ ! -e ../../go ]; do sleep 0.05; done" }));
  const entry = new URL("./testing/agent-process.ts", import.meta.url);
  const agent = spawn(process.execPath, ["--conditions=capstan-source", entry.pathname, dataDir], { stdio: "ignore" });
  try {
    await until(() => fake.session?.isReady === true);
    const [attempt = ""] = fake.offer(digest, "slow", { leaseMs: 60_000 });
    await until(() => fake.logOf(attempt).includes("begun"));
    const runners = runnersOf(dataDir);
    expect(runners).toHaveLength(1);
    expect(listeningPorts([agent.pid ?? 0, ...runners])).toEqual([]);
    // The look finds what there is: this process serves the fake control plane.
    expect(listeningPorts([process.pid])).toContain(Number(new URL(fake.url).port));
    const sockets = readdirSync(dataDir, { recursive: true, encoding: "utf8" })
      .map((name) => statSync(join(dataDir, name), { throwIfNoEntry: false }))
      .filter((found) => found?.isSocket() === true);
    expect(sockets.length).toBeGreaterThan(1);
    for (const found of sockets) expect((found?.mode ?? 0) & 0o077).toBe(0);
    spawn("touch", [`${dataDir}/go`]);
    await until(() => fake.finishOf(attempt) !== undefined);
  } finally {
    agent.kill("SIGKILL");
    await until(() => agent.signalCode !== null || agent.exitCode !== null);
  }
});

test("a result without an answer is sent again in the next session, and counts once", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(scriptDocument({ hi: "exit 3" }));
  await fixture.start();
  fake.acknowledgesReports = false;
  const [attempt = ""] = fake.offer(digest, "hi");
  await until(() => fake.itemsOf(attempt).some((item) => item.kind === "finish"));
  fake.acknowledgesReports = true;
  fake.cut();
  await until(() => fake.finishOf(attempt) !== undefined);
  expect(fake.finishOf(attempt)).toMatchObject({ outcome: "failed", exitCode: 3 });
  expect(fake.connectNos).toEqual([1, 2]);
  const last = () => fake.received.findLast((frame) => frame.t === "heartbeat");
  await until(() => last()?.b.n !== undefined && last()?.b.held.length === 0);
});

test("kill -9 of the agent: the task goes on, and its result counts", async () => {
  fixture = await makeAgentFixture();
  const { fake, dataDir } = fixture;
  const digest = fake.addDocument(
    scriptDocument({
      slow: 'echo begun; while [ ! -e "$0.go" ] && [ ! -e ../../go ]; do sleep 0.05; done; echo ended',
    }),
  );
  const entry = new URL("./testing/agent-process.ts", import.meta.url);
  const first = spawn(process.execPath, ["--conditions=capstan-source", entry.pathname, dataDir], { stdio: "ignore" });
  await until(() => fake.session?.isReady === true);
  const [attempt = ""] = fake.offer(digest, "slow", { leaseMs: 60_000 });
  await until(() => fake.logOf(attempt).includes("begun"));
  const runners = runnersOf(dataDir);
  first.kill("SIGKILL");
  await until(() => first.signalCode !== null);
  fake.session = undefined;
  await fixture.start();
  expect(runnersOf(dataDir)).toEqual(runners);
  expect(fake.received.findLast((frame) => frame.t === "hello")?.b.inventory).toMatchObject([
    { attempt, epoch: 1, phase: "running" },
  ]);
  spawn("touch", [`${dataDir}/go`]);
  await until(() => fake.finishOf(attempt) !== undefined && fake.completeLogs.has(attempt));
  expect(fake.finishOf(attempt)).toMatchObject({ outcome: "succeeded", exitCode: 0 });
  expect(fake.logOf(attempt).toString()).toMatch(/begun[^]*ended/);
}, 30_000);

test("kill -9 of the agent before the end: a result made meanwhile is reported by the next", async () => {
  fixture = await makeAgentFixture();
  const { fake, dataDir } = fixture;
  const digest = fake.addDocument(scriptDocument({ slow: "echo begun; while [ ! -e ../../go ]; do sleep 0.02; done" }));
  const entry = new URL("./testing/agent-process.ts", import.meta.url);
  const first = spawn(process.execPath, ["--conditions=capstan-source", entry.pathname, dataDir], { stdio: "ignore" });
  await until(() => fake.session?.isReady === true);
  const [attempt = ""] = fake.offer(digest, "slow");
  await until(() => fake.logOf(attempt).includes("begun"));
  first.kill("SIGKILL");
  await until(() => first.signalCode !== null);
  fake.session = undefined;
  spawn("touch", [`${dataDir}/go`]);
  await until(() => existsSync(`${dataDir}/exit/${attempt}.1.json`));
  await fixture.start();
  await until(() => fake.finishOf(attempt) !== undefined);
  expect(fake.finishOf(attempt)).toMatchObject({ outcome: "succeeded" });
}, 30_000);

test("a report that was refused for the moment is sent again in the same session", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(scriptDocument({ quick: "true" }));
  await fixture.start();
  fake.refusesReports = true;
  const [attempt = ""] = fake.offer(digest, "quick");
  await until(() => fake.itemsOf(attempt).some((item) => item.kind === "finish"));
  expect(fake.finishOf(attempt)).toBeUndefined();
  fake.refusesReports = false;
  await until(() => fake.finishOf(attempt) !== undefined);
  expect(fake.received.filter((frame) => frame.t === "hello")).toHaveLength(1);
});

test("a dead runner takes its attempts with it, and says so", async () => {
  fixture = await makeAgentFixture();
  const { fake, dataDir } = fixture;
  const digest = fake.addDocument(scriptDocument({ slow: "setsid sleep 300 & echo $! > ../../pid; sleep 300" }));
  await fixture.start();
  const [attempt = ""] = fake.offer(digest, "slow");
  await until(() => fake.itemsOf(attempt).some((item) => item.kind === "started") && existsSync(`${dataDir}/pid`));
  const [runner = 0] = runnersOf(dataDir);
  process.kill(runner, "SIGKILL");
  await until(() => fake.finishOf(attempt) !== undefined);
  expect(fake.finishOf(attempt)).toMatchObject({ outcome: "lost", cause: "runner_lost", mayHaveStarted: true });
  expect(isAlive(Number(readFileSync(`${dataDir}/pid`, "utf8")))).toBe(false);
  await until(() => runnersOf(dataDir).length === 1);
});

test("cancel leaves nothing behind, not even a daemonised child that ignores SIGTERM", async () => {
  fixture = await makeAgentFixture();
  const { fake, dataDir } = fixture;
  const daemon =
    "trap '' TERM; (setsid sh -c 'trap \"\" TERM; echo $$ > ../../daemon; while :; do sleep 0.1; done' &) ; while :; do sleep 0.1; done";
  const digest = fake.addDocument(scriptDocument({ stubborn: daemon }));
  await fixture.start();
  const [attempt] = fake.offer(digest, "stubborn", { graceMs: 200 });
  if (attempt === undefined) throw new Error("no attempt");
  await until(() => existsSync(`${dataDir}/daemon`) && readFileSync(`${dataDir}/daemon`, "utf8") !== "");
  const pid = Number(readFileSync(`${dataDir}/daemon`, "utf8"));
  expect(isAlive(pid)).toBe(true);
  fake.send("cancel", { attempt, epoch: 1, reason: "cancelled", graceMs: 200 });
  await until(() => fake.finishOf(attempt) !== undefined);
  expect(fake.finishOf(attempt)?.outcome).toBe("cancelled");
  expect(isAlive(pid)).toBe(false);
});

test("a task is stopped before its lease ends when no heartbeat is answered", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(scriptDocument({ slow: "sleep 300" }));
  await fixture.start();
  fake.acknowledgesHeartbeats = false;
  // TERM at 8 − 0.5 − 5 = 2.5 s after the heartbeat that the offer names.
  const [attempt = ""] = fake.offer(digest, "slow", { leaseMs: 8000, graceMs: 500 });
  await until(() => fake.finishOf(attempt) !== undefined, 25_000);
  const finish = fake.finishOf(attempt);
  expect(finish).toMatchObject({ outcome: "lost", cause: "lease_over", mayHaveStarted: true });
  // By the runner's own clock, which is what the promise is about; when the word of it arrives is another matter.
  expect((finish?.endedMs ?? Infinity) - (finish?.startedMs ?? 0)).toBeLessThan(8000);
}, 30_000);

test("an idle agent that takes work with a short lease sends its next heartbeat before the silence is too long", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  fake.heartbeatMs = 60_000;
  const digest = fake.addDocument(scriptDocument({ slow: "sleep 300" }));
  await fixture.start();
  fake.offer(digest, "slow", { leaseMs: 12_000, graceMs: 500 });
  await until(() => (fake.session?.heartbeat ?? 0) >= 1, 11_000);
  expect(fake.connectNos).toHaveLength(1);
}, 30_000);

test("timeout stops the task and is told as such", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(scriptDocument({ slow: "sleep 300" }));
  await fixture.start();
  const [attempt = ""] = fake.offer(digest, "slow", { timeoutMs: 200, graceMs: 500 });
  await until(() => fake.finishOf(attempt) !== undefined);
  expect(fake.finishOf(attempt)).toMatchObject({ outcome: "timed_out", failure: { class: "timeout" } });
});

test("refused log segments are sent again from where the other side is, and the digest is right", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(
    scriptDocument({ talk: "i=0; while [ $i -lt 20000 ]; do echo line number $i of many; i=$((i+1)); done" }),
  );
  await fixture.start();
  fake.refuseSegments = 3;
  const [attempt = ""] = fake.offer(digest, "talk");
  await until(() => fake.completeLogs.has(attempt), 20_000);
  const lines = fake
    .logOf(attempt)
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("o"));
  expect(lines.length).toBe(20_000);
  expect(lines.at(-1)).toMatch(/ line number 19999 of many$/);
  expect(fake.refuseSegments).toBe(0);
}, 30_000);

test("a secret is masked before it reaches disk or wire", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const secret = "s3cr3t-value-1";
  const digest = fake.addDocument(
    scriptDocument({
      leak: 'echo "x${SECRET}y"; printf "%s" "$SECRET" | base64; printf \'{"v":"%s"}\' "$SECRET" > "$OUT"',
    }),
  );
  await fixture.start();
  const [attempt = ""] = fake.offer(digest, "leak", { secrets: [secret] });
  await until(() => fake.completeLogs.has(attempt));
  const log = fake.logOf(attempt).toString();
  expect(log).toContain("x***y");
  expect(log).not.toContain(secret);
  expect(log).not.toContain(Buffer.from(secret).toString("base64").slice(0, 16));
  expect(fake.finishOf(attempt)?.outputs).toEqual({ v: "***" });
});

test("an offer that names an old heartbeat, or comes twice, starts nothing", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(scriptDocument({ hi: "echo hi" }));
  await fixture.start();
  if (fake.session === undefined) throw new Error("no session");
  fake.session.heartbeat = 999;
  const [stale = ""] = fake.offer(digest, "hi");
  await until(() => fake.itemsOf(stale).length > 0);
  expect(fake.itemsOf(stale)).toMatchObject([{ kind: "reject", reason: "offer_stale" }]);
});

test("a second agent on the same folder does not start", async () => {
  fixture = await makeAgentFixture();
  await fixture.start();
  await expect(fixture.start()).rejects.toMatchObject({ code: "agent_already_running" });
});

test("inline executors: 2,000 no-op attempts pass journal and report, each once", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(scriptDocument({ nothing: "" }));
  await fixture.start({ inlineExecutors: { run: () => ({ outcome: "succeeded" }) } });
  const attempts: string[] = [];
  for (let i = 0; i < 32; i++) {
    const offered = fake.offer(digest, "nothing", {}, 64);
    attempts.push(...offered);
    await until(() => offered.every((attempt) => fake.finishOf(attempt) !== undefined));
  }
  expect(fake.items.filter((item) => item.kind === "finish").length).toBe(attempts.length);
  expect(fake.items.some((item) => item.kind === "started")).toBe(false);
});
