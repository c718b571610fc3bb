// The program of `node` actions that run warm: one attempt after another, each with an environment and a folder of its own.
// Usage: node node-warm.js <socket path>. Orders and answers are JSON lines; modules stay loaded between attempts.
import { connect } from "node:net";
import { environment, runTask, tellThrown } from "./node-task.ts";

/** Runner → program. What else `warm-worker.ts` sends is for other interpreters. */
interface Order {
  readonly begin: string;
  readonly end: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly target: string;
  readonly exported: string;
}

let failWith: ((thrown: unknown) => void) | undefined;
// What an earlier attempt left behind ends the process: whose fault it is cannot be told.
process.on("uncaughtException", (thrown) => {
  if (failWith === undefined) process.exit(70);
  failWith(thrown);
});

/** Resolves when everything that was written before is in the pipes too. */
async function mark(text: string): Promise<void> {
  const write = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => stream.write(text, "latin1", () => resolve()));
  await Promise.all([write(process.stdout), write(process.stderr)]);
}

async function carry({ begin, end, env, cwd, target, exported }: Order): Promise<number> {
  for (const name of Object.keys(environment)) delete environment[name];
  Object.assign(environment, env);
  process.chdir(cwd);
  process.exitCode = undefined;
  await mark(begin);
  let code = 0;
  try {
    const failed = new Promise<never>((_, reject) => {
      failWith = reject;
    });
    failed.catch(() => undefined); // an attempt that ended has nobody to tell
    await Promise.race([runTask(target, exported), failed]);
    // Rejections that nobody handles are told one turn later.
    await Promise.race([new Promise((resolve) => setImmediate(resolve)), failed]);
    code = Number(process.exitCode ?? 0);
  } catch (thrown) {
    code = tellThrown(thrown, target);
  }
  failWith = undefined;
  await mark(end);
  return code;
}

const socket = connect(process.argv[2] ?? "");
socket.setEncoding("utf8");
socket.on("error", () => process.exit(0));
socket.on("close", () => process.exit(0)); // the runner is gone
let rest = "";
socket.on("data", (chunk: string) => {
  rest += chunk;
  const at = rest.indexOf("\n");
  if (at < 0) return;
  const order = JSON.parse(rest.slice(0, at)) as Order; // the runner is at the other end
  rest = rest.slice(at + 1);
  void carry(order).then((code) => socket.write(`${JSON.stringify({ code })}\n`));
});
// Both streams are made now: a first use later would look like a descriptor left open.
process.stdout.write("");
process.stderr.write("");
socket.on("connect", () => socket.write("{}\n"));
