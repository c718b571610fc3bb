// Trouble in the middle of a run: processes killed, the database gone, tasks that will not stop.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isAlive } from "../support/process-scan.ts";
import { startProduct, type Product } from "../support/product.ts";
import { until } from "../support/until.ts";

// Each task notes its start in a file that the product knows nothing about, then waits for the test's word.
const step = `
echo "$CAPSTAN_RUN_ID $CAPSTAN_TASK $CAPSTAN_ATTEMPT_ID" >> "$LEDGER"
until [ -e "$GATE" ]; do sleep 0.1; done
echo "done=$CAPSTAN_TASK" >> "$CAPSTAN_OUTPUTS"`;
const indented = (text: string): string => text.trim().replaceAll("\n", "\n      ");

const workflows = {
  "workflows/gated.yaml": `version: 1
name: gated
inputs: { ledger: string, gate: string }
defaults: { env: { LEDGER: "\${{ inputs.ledger }}", GATE: "\${{ inputs.gate }}" } }
tasks:
  first:
    run: |
      ${indented(step)}
    outputs: { done: string }
  second:
    run: |
      ${indented(step)}
    env: { BEFORE: "\${{ tasks.first.outputs.done }}" }
    outputs: { done: string }
outputs: { done: "\${{ tasks.second.outputs.done }}" }
`,
  // It ignores SIGTERM, and leaves a child in a session of its own with no parent.
  "workflows/stubborn.yaml": `version: 1
name: stubborn
inputs: { pids: string }
tasks:
  stay:
    grace: 1s
    env: { PIDS: "\${{ inputs.pids }}" }
    run: |
      trap '' TERM
      setsid bash -c 'trap "" TERM; echo $$ >> "$PIDS"; while :; do sleep 1; done' < /dev/null > /dev/null 2>&1 &
      echo $$ >> "$PIDS"
      while :; do sleep 1; done
`,
};

let product: Product;
beforeAll(async () => {
  product = await startProduct({ files: workflows, args: ["--empty"] });
});
afterAll(async () => {
  await product?.remove();
});

const controlPlane = /control-plane\/(dist|src)\/main\.(js|ts)/;
const agent = /agent\/(dist|src)\/main\.(js|ts) start/;

const lines = (file: string): readonly string[] => {
  try {
    return readFileSync(file, "utf8").trim().split("\n").filter(Boolean);
  } catch {
    return [];
  }
};

/** Starts a gated run and waits until its first task has begun. */
async function gatedRun(label: string): Promise<{ name: string; ledger: string; open: () => void }> {
  const ledger = join(product.folder, `${label}.ledger`);
  const gate = join(product.folder, `${label}.gate`);
  const started = await product.cli(["run", "gated", "-i", `ledger=${ledger}`, "-i", `gate=${gate}`, "-o", "json"]);
  expect(started.code, started.stderr).toBe(0);
  const { name } = JSON.parse(started.stdout) as { name: string }; // the run of the API
  await until("the first task has begun", 20_000, () => (lines(ledger).length === 1 ? true : undefined));
  return { name, ledger, open: () => writeFileSync(gate, "") };
}

/** After a kill: `dev` brings the part back by itself, or ends and the user starts it again. */
async function back(): Promise<void> {
  await until("the control plane answers again", 60_000, async () => {
    if (product.processes(/capstan\.js|cli\/dist\/main\.js/).length === 0) await product.start();
    return (await fetch(`${product.url}/readyz`)).ok ? true : undefined;
  });
}

test("a control plane killed in the middle of a run loses nothing: the same attempt's result counts", async () => {
  const { name, ledger, open } = await gatedRun("control-plane");
  const victims = product.processes(controlPlane);
  expect(victims).toHaveLength(1);
  for (const { pid } of victims) process.kill(pid, "SIGKILL");
  await back();
  open();
  const run = await product.finished(name);
  expect(run.state).toBe("succeeded");
  expect(run.outputs).toEqual({ done: "second" });
  // One start of each task: nothing was run twice, nothing was left out.
  expect(lines(ledger).map((line) => line.split(" ")[1])).toEqual(["first", "second"]);
});

test("an agent killed in the middle of a task: the task goes on, and its result counts", async () => {
  const { name, ledger, open } = await gatedRun("agent");
  const victims = product.processes(agent);
  expect(victims.length).toBeGreaterThan(0);
  for (const { pid } of victims) process.kill(pid, "SIGKILL");
  open();
  await until("an agent is there again", 60_000, async () => {
    if (product.processes(/capstan\.js|cli\/dist\/main\.js/).length === 0) await product.start();
    return product.processes(agent).some((one) => !victims.some((victim) => victim.pid === one.pid)) ? true : undefined;
  });
  const run = await product.finished(name);
  expect(run.state).toBe("succeeded");
  expect(lines(ledger).map((line) => line.split(" ")[1])).toEqual(["first", "second"]);
  expect((await product.task(name, "first")).attempts).toBe(1);
});

test("a database that stands still for some seconds delays a run and loses nothing", async () => {
  const { name, ledger, open } = await gatedRun("database");
  // Everything of the server: the postmaster and the backends that serve us.
  const server = product.processes(/postgres/).map((one) => one.pid);
  expect(server.length).toBeGreaterThan(1);
  for (const pid of server) process.kill(pid, "SIGSTOP");
  open();
  const stoppedAt = performance.now();
  try {
    await until("five seconds", 10_000, () => (performance.now() - stoppedAt > 5_000 ? true : undefined));
  } finally {
    for (const pid of server) process.kill(pid, "SIGCONT");
  }
  const run = await product.finished(name);
  expect(run.state).toBe("succeeded");
  expect(lines(ledger).map((line) => line.split(" ")[1])).toEqual(["first", "second"]);
});

test("cancel ends a task that ignores SIGTERM, and the child that it daemonised", async () => {
  const file = join(product.folder, "stubborn.pids");
  const started = await product.cli(["run", "stubborn", "-i", `pids=${file}`, "-o", "json"]);
  expect(started.code, started.stderr).toBe(0);
  const { name } = JSON.parse(started.stdout) as { name: string }; // the run of the API
  const pids = await until("both processes", 20_000, () =>
    lines(file).length === 2 ? lines(file).map(Number) : undefined,
  );
  expect(pids.every(isAlive)).toBe(true);
  const cancelled = await product.cli(["cancel", name, "--reason", "test"]);
  expect(cancelled.code, cancelled.stderr).toBe(0);
  expect((await product.finished(name, 30_000)).state).toBe("cancelled");
  await until("no process is left", 5_000, () => (pids.some(isAlive) ? undefined : true));
});

test("a stop with a task at work leaves no process, and the run goes on at the next start", async () => {
  const { name, open } = await gatedRun("stop");
  await product.stop();
  expect(product.processes()).toEqual([]);
  open();
  await product.start();
  expect((await product.finished(name)).state).toBe("succeeded");
});
