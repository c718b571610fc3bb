// Seeds in a process of their own, where a bug can be planted before anything of the product is loaded.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const memoryMiB = 700;
const stuckMs = 240_000;
const main = fileURLToPath(new URL("main.ts", import.meta.url));

/** Runs seeds in a process of its own; the first that breaks an invariant. */
export function simulateApart(
  words: readonly string[],
): Promise<{ readonly seed: number; readonly by: string } | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${memoryMiB}`, "--conditions=capstan-source", main, ...words, "--progress"],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    let output = "";
    let complaints = "";
    let seed = 0;
    const wait = (): NodeJS.Timeout => setTimeout(() => child.kill("SIGKILL"), stuckMs);
    let stuck = wait();
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      for (const [, begun] of text.matchAll(/^begins (\d+)$/gm)) {
        seed = Number(begun);
        clearTimeout(stuck);
        stuck = wait();
      }
      complaints = (complaints + text).slice(-2000);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(stuck);
      const [, failed, by] = /^seed (\d+) at .*? s: (\S+?):/m.exec(output) ?? [];
      if (failed !== undefined && by !== undefined) resolve({ seed: Number(failed), by });
      else if (code === 0) resolve(undefined);
      else if (signal !== null || /heap out of memory/.test(complaints))
        resolve({ seed, by: "I23 (it never settles)" });
      else reject(new Error(`a simulation ended with ${code ?? signal} at seed ${seed}: ${complaints}`));
    });
  });
}
