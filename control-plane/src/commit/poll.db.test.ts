import type { CanonicalTask } from "@capstan/proto";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import type { FinishResult } from "../engine/event.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import type { GivenOffer } from "../testing/memory-sessions.ts";
import { timerLoop } from "./timer-loop.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { sessions, pools, projectId, signals, dispatchStore } = fixture;
afterAll(() => pools.close());
const agent = await fixture.addAgent(1);

const sensor: CanonicalTask = {
  action: { run: { script: "look" } },
  needs: [],
  env: { SINCE: { $expr: "string(cursor)" }, POLL: { $expr: "poll" } },
  outputs: { cursor: { type: "integer" } },
  poll: { everyMs: 3_600_000, until: { $expr: "result.cursor == 2" }, timeoutMs: 7_200_000 },
};

const finish = (commit: typeof fixture.loop, { attempt, slot }: GivenOffer, result: FinishResult) =>
  commit.submit(projectId, attempt.runId, {
    kind: "attempt_finished",
    attemptId: attempt.attemptId,
    epoch: attempt.epoch,
    by: { agentId: slot.agentId, session: slot.session },
    result,
  });

test("between two polls there is a row and no slot; another replica goes on with the cursor, by rows alone", async () => {
  const edition = await fixture.deploy({ version: 1, name: "sensor", tasks: { a: sensor } });
  const started = await fixture.loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  if (started.kind !== "started") throw new Error(started.kind);
  const { runId } = started;
  const [first] = sessions.offers.splice(0);
  expect(first?.attempt.inputs).toEqual({ cursor: null, poll: 1 });
  if (first === undefined) throw new Error("no offer");
  await finish(fixture.loop, first, { outcome: "succeeded", outputs: { cursor: 1 } });
  const rows = async (): Promise<string[]> =>
    (
      await pools.engine.query<{ kind: string }>("SELECT kind FROM timers WHERE run_id = $1 ORDER BY kind", [runId])
    ).rows.map(({ kind }) => kind);
  expect(await rows()).toEqual(["poll_timeout", "suspended"]);
  const live = await pools.engine.query("SELECT 1 FROM live_attempts WHERE run_id = $1", [runId]);
  expect(live.rowCount).toBe(0);

  // The hour passes, and whoever polled first is not there any more.
  await pools.engine.query("UPDATE timers SET due_at = now() WHERE run_id = $1 AND kind = 'suspended'", [runId]);
  await pools.engine.query("UPDATE task_runs SET due_at = now() WHERE run_id = $1", [runId]);
  agent.free = 1;
  const other = await fixture.replica();
  const timers = timerLoop({ store: dispatchStore, commit: other, signals, log: pino({ level: "silent" }) });
  timers.start();
  const second = await until("the second poll was offered", 20_000, () =>
    Promise.resolve(sessions.offers.splice(0)[0]),
  );
  await timers.stop();
  expect(second.attempt.inputs).toEqual({ cursor: 1, poll: 2 });
  await finish(other, second, { outcome: "succeeded", outputs: { cursor: 2 } });
  const { rows: ended } = await pools.engine.query("SELECT state, attempts, outputs FROM task_runs WHERE run_id = $1", [
    runId,
  ]);
  expect(ended).toEqual([{ state: "succeeded", attempts: 2, outputs: { cursor: 2, polls: 2 } }]);
  expect(await rows()).toEqual([]);
});
