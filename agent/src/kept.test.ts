// What may not leave, in a real runner with the product's executors: files, logs, messages, values.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AttemptId, CanonicalTask, CanonicalWorkflow, JsonObject } from "@capstan/proto";
import { readConfig } from "./config.ts";
import { writeHeld, writeKeptFile, writeKeptLog } from "./read-kept.ts";
import { makeAgentFixture, until, type AgentFixture } from "./testing/agent-fixture.ts";
import { openLocalStore } from "./workspace/local-store.ts";

const marker = "Anna-Alexandra-1971";
const runnerEntry = new URL("./runner/main.ts", import.meta.url);
const folder = mkdtempSync(`${tmpdir()}/capstan-policy-`);
let fixture: AgentFixture;

/** Settings of an agent whose policy allows these classes. */
function configFor(dataDir: string, allowData: string, name = "policy.yaml") {
  const path = `${folder}/${name}`;
  writeFileSync(path, `version: 1\nallowData: [${allowData}]\n`);
  return readConfig({
    env: { CAPSTAN_AGENT__SLOTS: "8", CAPSTAN_AGENT__RUNNERS: "1", CAPSTAN_AGENT__POLICY: path },
    flags: { dataDir, name: "test" },
  });
}

beforeAll(async () => {
  fixture = await makeAgentFixture();
  await fixture.start({ runnerEntry, config: configFor(fixture.dataDir, "patient") });
}, 60_000);
afterAll(async () => {
  await fixture.dispose();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const onprem = { labels: { zone: "onprem" } };
const rows: CanonicalTask["outputs"] = { rows: { type: "file", data: ["patient"] } };
const run = (script: string, more: Partial<CanonicalTask> = {}): CanonicalTask => ({
  needs: [],
  runsOn: onprem,
  action: { run: { script } },
  ...more,
});
const document = (tasks: CanonicalWorkflow["tasks"]): CanonicalWorkflow => ({
  version: 1,
  name: "w",
  data: { patient: { allowedOn: { zone: ["onprem"] } }, other: { allowedOn: { zone: ["onprem"] } } },
  tasks,
});
const given = (outputs: JsonObject) => ({ inputs: { tasks: { cohort: { outputs } } } });

async function ended(attempt: string) {
  const { fake } = fixture;
  await until(() => fake.finishOf(attempt) !== undefined, 20_000);
  const finish = fake.finishOf(attempt);
  if (finish === undefined) throw new Error("not ended");
  return { ...finish, outputs: finish.outputs ?? {} };
}

function collector(): { out: Writable; text: () => string } {
  const parts: Buffer[] = [];
  return {
    out: new Writable({
      write: (chunk: Buffer, _, next) => {
        parts.push(Buffer.from(chunk));
        next();
      },
    }),
    text: () => Buffer.concat(parts).toString(),
  };
}

/** All that the control plane was told, as text. */
const told = (): string => {
  const { received, items, logs, requests } = fixture.fake;
  return JSON.stringify({ received, items, requests }) + [...logs.values()].flat().join();
};

test("a file of the class is told by size and digest, read where it is, and no byte of it, of the log or of a message leaves", async () => {
  const { fake, dataDir } = fixture;
  const words = `echo ${marker}; echo ${marker} >&2
printf '{"type":"note","text":"${marker}"}\\n{"type":"progress","done":1,"total":2,"text":"${marker}"}\\n' >> "$CAPSTAN_EVENTS"
echo "# ${marker}" > "$CAPSTAN_SUMMARY"
`;
  const digest = fake.addDocument(
    document({
      cohort: run(
        `${words}echo ${marker} > "$CAPSTAN_OUT_DIR/${marker}.csv"\necho "rows=${marker}.csv" >> "$CAPSTAN_OUTPUTS"`,
        { outputs: rows },
      ),
      mix: run(
        `cat "$R"; cp "$R" "$CAPSTAN_OUT_DIR/t"; echo table=t >> "$CAPSTAN_OUTPUTS"; test "$(cat "$R")" = ${marker}`,
        {
          needs: ["cohort"],
          env: { R: { $expr: "tasks.cohort.outputs.rows" } },
          outputs: { table: { type: "file" } },
        },
      ),
      fails: run(
        `printf '{"type":"Odd","message":"${marker}","file":"${marker}.py","line":3}' > "$CAPSTAN_ERROR"; exit 3`,
        {
          needs: ["cohort"],
          env: { R: { $expr: "tasks.cohort.outputs.rows" } },
        },
      ),
    }),
  );
  const [first = ""] = fake.offer(digest, "cohort");
  const cohort = await ended(first);
  expect(cohort).toMatchObject({ outcome: "succeeded" });
  const store = openLocalStore(`${dataDir}/store`);
  expect(cohort.log).toMatchObject({ store: store.id, gaps: 0 });
  expect(cohort.outputs["rows"]).toMatchObject({ $file: { name: "rows", size: marker.length + 1, store: store.id } });
  expect(cohort.summary).toBeUndefined();
  const events = fake.itemsOf(first).flatMap((item) => (item.kind === "event" ? [[item.type, item.body]] : []));
  expect(events).toEqual([["progress", { done: 1, total: 2 }]]);

  const [second = ""] = fake.offer(digest, "mix", given(cohort.outputs));
  const mix = await ended(second);
  expect(mix).toMatchObject({
    outcome: "succeeded",
    outputs: { table: { $file: { name: "table", store: store.id } } },
  });

  const [third = ""] = fake.offer(digest, "fails", given(cohort.outputs));
  expect(await ended(third)).toMatchObject({
    outcome: "failed",
    failure: {
      class: "error",
      code: "exception",
      type: "Odd",
      message: "its message stays with its log, on its agent",
    },
  });

  expect(told()).not.toContain(marker);
  expect(fake.requests.filter((request) => request.startsWith("PUT"))).toEqual([]);
  expect([...fake.logs.keys()]).toEqual([]);
  // It is all there, for who may read on the host.
  const log = collector();
  await writeKeptLog(store, first, log.out);
  expect(
    log
      .text()
      .split("\n")
      .filter((line) => line === marker),
  ).toHaveLength(2);
  expect(log.text()).toContain(`capstan: note {"text":"${marker}"}`);
  expect(log.text()).toContain(`capstan: summary\n# ${marker}`);
  const failed = collector();
  await writeKeptLog(store, third, failed.out);
  expect(failed.text()).toContain(`capstan: ${marker} (${marker}.py:3)`);
  const file = collector();
  await writeKeptFile(store, (cohort.outputs["rows"] as { $file: { sha256: string } }).$file.sha256, file.out); // as just checked
  expect(file.text()).toBe(`${marker}\n`);
  // Nothing waits in the spool for a session that would send it.
  expect(readdirSync(`${dataDir}/spool`)).toEqual([]);
});

test("a value that has left its class is brought to the control plane, and what an action gives beside it is not", async () => {
  const { fake, dataDir } = fixture;
  writeFileSync(`${dataDir}/empty.db`, "");
  const digest = fake.addDocument(
    document({
      query: {
        needs: [],
        runsOn: onprem,
        data: ["patient"],
        action: { sql: { url: `sqlite:${dataDir}/empty.db`, query: `select '${marker}' as name` } },
      },
      mean: run("echo mean=3.5 >> $CAPSTAN_OUTPUTS", {
        needs: ["cohort"],
        env: { R: { $expr: "tasks.cohort.outputs.rows.name" } },
        outputs: { mean: { type: "number", data: ["public"], declassify: { from: "patient", reason: "a mean" } } },
      }),
      cohort: run("true", { outputs: rows }),
    }),
  );
  const [query = ""] = fake.offer(digest, "query");
  expect(await ended(query)).toMatchObject({ outcome: "succeeded", outputs: {} });
  expect((await ended(query)).outputs).toEqual({});
  const [mean = ""] = fake.offer(digest, "mean", given({ rows: { $file: { name: "rows" } } }));
  expect(await ended(mean)).toMatchObject({ outcome: "succeeded", outputs: { mean: 3.5 } });
  expect(told()).not.toContain(marker);
});

test("outputs that somebody has to agree to are held with their files, and told by the attempt that may", async () => {
  const { fake, dataDir } = fixture;
  const declassify = { from: "patient", reason: "means", approvers: ["user:eva"] };
  const digest = fake.addDocument(
    document({
      join: run(`echo report > r; echo "kpi=${marker}-7" >> $CAPSTAN_OUTPUTS; echo report=r >> $CAPSTAN_OUTPUTS`, {
        data: ["patient"],
        outputs: {
          kpi: { type: "string", data: ["public"], declassify },
          report: { type: "file", data: ["patient"] },
        },
      }),
    }),
  );
  const [made = ""] = fake.offer(digest, "join");
  const finish = await ended(made);
  expect(finish).toMatchObject({
    outcome: "succeeded",
    held: { outputs: [{ name: "kpi", bytes: marker.length + 4 }] },
  });
  expect(Object.keys(finish.outputs)).toEqual(["report"]);
  expect(told()).not.toContain(`${marker}-7`);
  const there = collector();
  await writeHeld(openLocalStore(`${dataDir}/store`), made, there.out);
  expect(JSON.parse(there.text())).toEqual({ kpi: `${marker}-7` });
  const [release = ""] = fake.offer(digest, "join", { release: made as AttemptId }); // as the fake named it
  expect(await ended(release)).toMatchObject({ outcome: "succeeded", outputs: { kpi: `${marker}-7` } });
  const [gone = ""] = fake.offer(digest, "join", { release: release as AttemptId }); // holds nothing
  expect(await ended(gone)).toMatchObject({ outcome: "failed", failure: { class: "setup", code: "file_unavailable" } });
});

test("a file that is in another store fails the attempt before its code begins", async () => {
  const { fake } = fixture;
  const digest = fake.addDocument(
    document({
      cohort: run("true", { outputs: rows }),
      mix: run("true", { needs: ["cohort"], env: { R: { $expr: "tasks.cohort.outputs.rows" } } }),
    }),
  );
  const elsewhere = { $file: { name: "rows", size: 1, sha256: "a".repeat(64), mediaType: "text/csv", store: "st_x" } };
  const [attempt = ""] = fake.offer(digest, "mix", given({ rows: elsewhere }));
  const { failure, startedMs } = await ended(attempt);
  expect(failure).toMatchObject({ class: "setup", code: "file_unavailable" });
  expect(failure?.message).toContain("the file rows stays in the store st_x");
  expect(startedMs).toBeUndefined();
});

test("114 · a class that the policy file does not allow is refused with its rule, and nothing is begun", async () => {
  const { fake } = fixture;
  const task = run("true", { outputs: { f: { type: "file", data: ["other"] } } });
  const digest = fake.addDocument(document({ a: task }));
  const [attempt = ""] = fake.offer(digest, "a");
  await until(() => fake.itemsOf(attempt).length > 0);
  expect(fake.itemsOf(attempt)).toEqual([
    {
      kind: "reject",
      attempt,
      epoch: 1,
      reason: "policy_denied",
      detail: "by: agent; allowData of this host's policy file does not name other",
      elsewhere: true,
    },
  ]);
  const last = () => fake.received.findLast((frame) => frame.t === "heartbeat");
  await until(() => last()?.b.held.every(([held]) => held !== attempt) === true);
});

test("the agent says which classes it allows, and in which store it keeps them", () => {
  const hello = fixture.fake.received.find((frame) => frame.t === "hello");
  expect(hello?.b.allowData).toEqual(["patient"]);
  expect(hello?.b.labels.facts["store"]).toBe(readFileSync(`${fixture.dataDir}/store/store-id`, "utf8"));
});
