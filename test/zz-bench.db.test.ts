import { test, vi } from "vitest";
vi.mock("@capstan/proto", async (orig) => ({
  ...(await orig<object>()),
  checkOutputs: (_t: unknown, o: unknown) => ({ outputs: o, problems: [] }),
}));
import { cloneDatabase } from "/work/main/test/support/database.ts";
import { commitFixture } from "/work/main/control-plane/src/testing/commit-fixture.ts";
const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, sessions, projectId, pools } = fixture;
import { readFileSync, readdirSync } from "node:fs";
function pgCpu() {
  let t = 0;
  for (const p of readdirSync("/proc"))
    if (/^\d+$/.test(p))
      try {
        const st = readFileSync(`/proc/${p}/stat`, "utf8");
        if (!st.includes("(postgres)")) continue;
        const f = st.slice(st.lastIndexOf(")") + 2).split(" ");
        t += Number(f[11]) + Number(f[12]);
      } catch {}
  return t * 10000;
}
test("bench", async () => {
  await fixture.addAgent(4000);
  const edition = await fixture.deploy({
    version: 1,
    name: "noop",
    tasks: { only: { action: { run: { script: "true" } }, needs: [] } },
  });
  let done = 0;
  const waiters = new Map<string, () => void>();
  sessions.onOffer = ({ slot, attempt }) => {
    loop
      .submit(projectId, attempt.runId, {
        kind: "attempt_finished",
        attemptId: attempt.attemptId,
        epoch: attempt.epoch,
        position: 0,
        by: { agentId: slot.agentId, session: slot.session },
        result: { outcome: "succeeded" },
      })
      .then((o) => {
        if (o.kind !== "accepted") console.log(o);
        sessions.release(slot.agentId);
        done++;
        waiters.get(attempt.runId)?.();
        waiters.delete(attempt.runId);
      });
  };
  for (const outstanding of [1, 64, 512]) {
    const until = performance.now() + 4000;
    const from = done;
    const t0 = performance.now();
    const c0 = process.cpuUsage();
    const p0 = pgCpu();
    const s0 = loop.status();
    await Promise.all(
      Array.from({ length: outstanding }, async () => {
        while (performance.now() < until) {
          const started = await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "bench" } });
          if (started.kind !== "started") throw new Error("x");
          await new Promise<void>((r) => waiters.set(started.runId, r));
        }
      }),
    );
    const c = process.cpuUsage(c0);
    const n = done - from;
    const s = loop.status();
    console.log(
      outstanding,
      ((n / (performance.now() - t0)) * 1000).toFixed(0),
      "tasks/s; node us/task",
      ((c.user + c.system) / n).toFixed(0),
      "pg us/task",
      ((pgCpu() - p0) / n).toFixed(0),
      "runs/commit",
      ((s.runsWritten - s0.runsWritten) / (s.commits - s0.commits)).toFixed(1),
      "refused",
      s.refused - s0.refused,
      "err",
      s.errors,
    );
  }
  await pools.close();
}, 60000);
