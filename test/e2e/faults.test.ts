// Faults of whole processes, and hosts that lack something: what a person sees, and what is left when it is over.
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { isAlive } from "../support/process-scan.ts";
import { folderWith, freePort, node24, runToEnd, startProduct, type Product } from "../support/product.ts";
import { root } from "../support/sources.ts";
import { until } from "../support/until.ts";

const cli = join(root, "cli/bin/capstan.js");
const workflows = {
  // It notes each start in a file that the product knows nothing about, then waits for the test's word.
  "workflows/gated.yaml": `version: 1
name: gated
inputs: { ledger: string, gate: string }
tasks:
  wait:
    env: { LEDGER: "\${{ inputs.ledger }}", GATE: "\${{ inputs.gate }}" }
    run: |
      echo "$CAPSTAN_ATTEMPT_ID" >> "$LEDGER"
      until [ -e "$GATE" ]; do sleep 0.1; done
      echo "done=yes" >> "$CAPSTAN_OUTPUTS"
    outputs: { done: string }
outputs: { done: "\${{ tasks.wait.outputs.done }}" }
`,
  // It ignores SIGTERM, and so does the child that it leaves in a session of its own. A try that is lost is not repeated.
  "workflows/stubborn.yaml": `version: 1
name: stubborn
inputs: { pids: string }
tasks:
  stay:
    env: { PIDS: "\${{ inputs.pids }}" }
    run: |
      trap '' TERM
      setsid bash -c 'trap "" TERM; echo $$ >> "$PIDS"; while :; do sleep 1; done' < /dev/null > /dev/null 2>&1 &
      echo $$ >> "$PIDS"
      while :; do sleep 1; done
`,
  "workflows/elsewhere.yaml": `version: 1
name: elsewhere
tasks: { a: { run: "true", runsOn: { gpu: "yes" } } }
`,
};

const controlPlane = /control-plane\/(dist|src)\/main\.(js|ts)/;
const agent = /agent\/(dist|src)\/main\.(js|ts) start/;
const dev = /cli\/(dist|src)\/main\.(js|ts) dev/;

const lines = (file: string): readonly string[] => {
  try {
    return readFileSync(file, "utf8").trim().split("\n").filter(Boolean);
  } catch {
    return [];
  }
};

async function startRun(product: Product, args: readonly string[]): Promise<string> {
  const started = await product.cli(["run", ...args, "-o", "json"]);
  expect(started.code, started.stderr).toBe(0);
  return (JSON.parse(started.stdout) as { name: string }).name; // the run of the API
}

interface Gated {
  readonly name: string;
  readonly ledger: string;
  readonly open: () => void;
}
async function gatedRun(product: Product, label: string): Promise<Gated> {
  const ledger = join(product.folder, `${label}.ledger`);
  const gate = join(product.folder, `${label}.gate`);
  const name = await startRun(product, ["gated", "-i", `ledger=${ledger}`, "-i", `gate=${gate}`]);
  await until("the task has begun", 20_000, () => (lines(ledger).length === 1 ? true : undefined));
  return { name, ledger, open: () => writeFileSync(gate, "") };
}

/** Starts the stubborn workflow and waits for its two processes. */
async function stubbornRun(product: Product, label: string): Promise<{ name: string; pids: readonly number[] }> {
  const file = join(product.folder, `${label}.pids`);
  const name = await startRun(product, ["stubborn", "-i", `pids=${file}`]);
  const pids = await until("both processes", 20_000, () => (lines(file).length === 2 ? lines(file) : undefined));
  return { name, pids: pids.map(Number) };
}

const killAll = (product: Product, pattern: RegExp): void => {
  const found = product.processes(pattern);
  expect(found.length, String(pattern)).toBeGreaterThan(0);
  for (const { pid } of found) process.kill(pid, "SIGKILL");
};

describe("at a running product", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct({ files: workflows, args: ["--empty", "--no-console"] });
  });
  afterAll(async () => {
    await product?.remove();
  });

  test("a database killed in the middle of a run is started again; the run ends by its first attempt", async () => {
    const { name, ledger, open } = await gatedRun(product, "postmaster");
    // The postmaster alone is named by its data folder; its backends end with it.
    const [server] = product.processes(/bin\/postgres -D /);
    expect(server).toBeDefined();
    process.kill(server?.pid ?? 0, "SIGKILL");
    open();
    const run = await product.finished(name);
    expect(run).toMatchObject({ state: "succeeded", outputs: { done: "yes" } });
    expect(lines(ledger)).toHaveLength(1);
  });

  test("while the database does not answer, requests are refused as unavailable and may be repeated", async () => {
    const { name, ledger, open } = await gatedRun(product, "frozen");
    const server = product.processes(/postgres/).map((one) => one.pid);
    const token = readFileSync(join(product.data, "keys/local"), "utf8").trim();
    const headers = { authorization: `Bearer ${token}` };
    for (const pid of server) process.kill(pid, "SIGSTOP");
    open();
    try {
      // A request on a connection that was open already waits for it; one that needs a new connection is told.
      const answer = await until("a refusal", 60_000, async () => {
        const response = await fetch(`${product.url}/api/v1/projects/default/runs/${name}`, {
          headers,
          signal: AbortSignal.timeout(8000),
        });
        return response.status === 503 ? response : undefined;
      });
      expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
      expect(await answer.json()).toMatchObject({ code: "unavailable", retryable: true });
    } finally {
      for (const pid of server) process.kill(pid, "SIGCONT");
    }
    expect((await product.finished(name)).state).toBe("succeeded");
    expect(lines(ledger)).toHaveLength(1);
  });

  test("an agent is back within five seconds after the control plane is", async () => {
    const { name, open } = await gatedRun(product, "reconnect");
    killAll(product, controlPlane);
    await until("the control plane answers", 30_000, async () =>
      (await fetch(`${product.url}/readyz`)).ok ? true : undefined,
    );
    await until("the agent is online", 5000, async () => {
      const { data } = await product.get<{ data: { connection: string }[] }>("/agents");
      return data.some((one) => one.connection === "online") ? true : undefined;
    });
    open();
    expect((await product.finished(name)).state).toBe("succeeded");
  });

  test("dev killed and started again: the task has gone on, and its first attempt counts", async () => {
    const { name, ledger, open } = await gatedRun(product, "dev");
    killAll(product, dev);
    await until("the parts have ended", 10_000, () =>
      product.processes(controlPlane).length + product.processes(agent).length === 0 ? true : undefined,
    );
    await product.start();
    open();
    expect((await product.finished(name)).state).toBe("succeeded");
    expect(lines(ledger)).toHaveLength(1);
    expect((await product.task(name, "wait")).attempts).toBe(1);
  });

  test("cancel with a reason: the waiting run ends with exit code 8, and explain says who and why", async () => {
    const name = await startRun(product, ["elsewhere"]);
    const [first] = (await product.cli(["explain", name])).stdout.split("\n");
    expect(first).toContain("no_agent_matches");
    const waiting = product.cli(["run", "elsewhere", "--wait"]);
    const second = name.replace(/\d+$/, (number) => String(Number(number) + 1));
    await until("the second run", 20_000, () => product.run(second));
    expect((await product.cli(["cancel", name, second, "--reason", "no such machine"])).code).toBe(0);
    expect((await waiting).code).toBe(8);
    const explained = await product.cli(["explain", name]);
    expect(explained.stdout).toContain("by local: no such machine");
    expect(explained.stdout).not.toMatch(/is cancelled for/);
  });

  test("logs of a task that the run does not have are not found, stored or followed", async () => {
    const [run] = (await product.get<{ data: { name: string }[] }>("/runs?limit=1")).data;
    for (const args of [[], ["--follow"]]) {
      const done = await product.cli(["logs", `${run?.name}/nothing`, ...args], { timeoutMs: 20_000 });
      expect(done.code, done.stderr).toBe(5);
      expect(done.stderr).toContain("nothing");
    }
  });

  test("a file of inputs that cannot be parsed is bad input with its name, not a fault of ours", async () => {
    const file = join(product.folder, "inputs.yaml");
    writeFileSync(file, "gate: [\n");
    const done = await product.cli(["run", "gated", "--inputs", file]);
    expect(done.code).toBe(3);
    expect(done.stderr).toContain(file);
    expect(done.stderr).toContain("(inputs_invalid)");
  });

  test("one wish to stop ends what ignores SIGTERM too, also where an earlier agent started it, within 10 s", async () => {
    const { pids } = await stubbornRun(product, "stop");
    const [before] = product.processes(agent);
    killAll(product, agent);
    await until("another agent", 20_000, () =>
      product.processes(agent).some((one) => one.pid !== before?.pid) ? true : undefined,
    );
    await until("it has adopted the task", 20_000, async () => {
      const { data } = await product.get<{ data: { connection: string }[] }>("/agents");
      return data.some((one) => one.connection === "online") ? true : undefined;
    });
    expect(pids.every(isAlive)).toBe(true);
    expect(await product.stop(10_000)).toBe(0);
    expect(product.processes()).toEqual([]);
    expect(pids.some(isAlive)).toBe(false);
    await product.start();
    for (const { name } of (await product.get<{ data: { name: string }[] }>("/runs?state=running")).data)
      expect((await product.cli(["cancel", name, "--grace", "1s"])).code).toBe(0);
  });

  test("where its agent is revoked the rest goes on, and the next start has another one", async () => {
    const [before] = (await product.get<{ data: { id: string }[] }>("/agents")).data;
    const revoked = await product.cli(["agents", "revoke", "laptop", "--reason", "a test", "-y"]);
    expect(revoked.code, revoked.stderr).toBe(0);
    await until("the agent has ended", 20_000, () => (product.processes(agent).length === 0 ? true : undefined));
    expect(product.processes(dev)).toHaveLength(1);
    expect((await fetch(`${product.url}/readyz`)).ok).toBe(true);
    expect(await product.stop(10_000)).toBe(0);
    await product.start();
    const { data } = await product.get<{ data: { id: string; state: string }[] }>("/agents");
    expect(data.filter(({ state }) => state === "active").map(({ id }) => id)).not.toContain(before?.id);
    expect(product.processes(agent)).toHaveLength(1);
  });

  test("a second wish stops at once with exit code 130, and leaves no process of a task", async () => {
    const { pids } = await stubbornRun(product, "twice");
    process.kill(product.pid, "SIGINT");
    const first = performance.now();
    // Two signals within half a second are one wish: a terminal and a parent may both pass on the same Ctrl-C.
    await until("half a second", 5000, () => (performance.now() - first > 700 ? true : undefined));
    process.kill(product.pid, "SIGINT");
    expect(await product.ended()).toBe(130);
    expect(performance.now() - first).toBeLessThan(4500);
    expect(product.processes()).toEqual([]);
    expect(pids.some(isAlive)).toBe(false);
    await expect(fetch(`${product.url}/livez`)).rejects.toThrow();
  });
});

describe("a first start", () => {
  const passing = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const folder = await folderWith(files);
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
  const once = async (folder: string): ReturnType<typeof runToEnd> =>
    runToEnd(node24, [cli, "dev", "--once", "--no-console", "--port", String(await freePort())], { cwd: folder });

  test("--once ends by itself: 0 where the first run succeeded, 1 where it failed, with the task's own words", async () => {
    const folder = await passing({
      "workflows/hello.yaml": `version: 1\nname: hello\ntasks: { a: { run: "true" } }\n`,
    });
    const good = await once(folder);
    expect(good.code, good.stderr).toBe(0);
    writeFileSync(
      join(folder, "workflows/hello.yaml"),
      `version: 1\nname: hello\ntasks: { a: { run: "echo out of paper > $CAPSTAN_ERROR; exit 3" } }\n`,
    );
    const bad = await once(folder);
    expect(bad.code, bad.stderr).toBe(1);
    expect(bad.stdout).toContain("out of paper");
  });

  test("data of a newer version are not touched", async () => {
    const folder = await passing({});
    const data = join(folder, ".capstan");
    mkdirSync(data);
    writeFileSync(join(data, "version"), `${JSON.stringify({ version: "99.0.0", schema: 400 })}\n`);
    const done = await once(folder);
    expect(done.code).toBe(1);
    expect(done.stderr).toContain("99.0.0");
    expect(done.stderr).toContain("(data_newer)");
    expect(readdirSync(data)).toEqual(["version"]);
  });

  test("without python3, Python tasks wait, and explain names what is missing", async () => {
    const product = await startProduct({
      files: { "workflows/py.yaml": `version: 1\nname: py\ntasks: { a: { python: { inline: "print(1)" } } }\n` },
      args: ["--empty", "--no-console"],
      env: { PATH: await pathWithout("python3") },
    });
    onTestFinished(async () => {
      await product.remove();
    });
    expect(product.talk).toContain("no python3 here");
    const name = await startRun(product, ["py"]);
    const { stdout } = await product.cli(["explain", name]);
    expect(stdout).toContain("no_agent_matches");
    expect(stdout).toMatch(/nearest\s+laptop lacks python3/);
    expect((await product.task(name, "a")).attempts).toBe(0);
  });

  /** A search path with links to every program of the usual one but those that begin so. */
  async function pathWithout(prefix: string): Promise<string> {
    const bin = await passing({});
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
      for (const name of lister(folder)) {
        if (name.startsWith(prefix)) continue;
        try {
          symlinkSync(join(folder, name), join(bin, name));
        } catch {
          // An earlier folder has it.
        }
      }
    }
    return bin;
  }
  const lister = (folder: string): readonly string[] => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  };
});

test("the completion script for bash is bash", async () => {
  const script = await runToEnd(node24, [cli, "completion", "bash"]);
  expect(script.code).toBe(0);
  const checked = await runToEnd("bash", ["-n"], { input: script.stdout });
  expect(checked.code, checked.stderr).toBe(0);
  expect(script.stdout).toContain("capstan");
});
