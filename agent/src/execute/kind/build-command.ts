// Programs that make something ready for attempts (package installers). They run in the runner's name, for several attempts
// at once, and see nothing of an attempt: no secret, no input, no variable of an author.
import { spawn } from "node:child_process";

export interface BuildCommand {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** How a command ended; `tail` are its last lines. */
export type BuildEnd = { readonly kind: "done" } | { readonly kind: "failed"; readonly tail: string };

const tailLines = 8;
const lineCharactersMax = 500;

/** Runs a program to its end, its output line by line to `note`. An abort kills it with its children. */
export async function runBuild(
  command: BuildCommand,
  signal: AbortSignal,
  note: (line: string) => void,
): Promise<BuildEnd> {
  signal.throwIfAborted();
  const tail: string[] = [];
  const [program, ...args] = command.argv;
  const child = spawn(program, args, {
    env: command.env,
    cwd: command.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // The whole group has ended.
    }
  };
  signal.addEventListener("abort", kill);
  const take = (line: string): void => {
    const text = line.trimEnd().slice(0, lineCharactersMax);
    if (text.trim() === "") return;
    note(text);
    tail.push(text);
    if (tail.length > tailLines) tail.shift();
  };
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = (lines.pop() ?? "").slice(-lineCharactersMax);
      lines.forEach(take);
    });
    stream.on("end", () => take(rest));
  }
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (exitCode, ended) => resolve(ended ?? exitCode ?? 1));
    });
    signal.throwIfAborted();
    return code === 0 ? { kind: "done" } : { kind: "failed", tail: tail.join(" / ") || `it ended with ${code}` };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
