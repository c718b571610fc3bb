// Before something is destroyed, whoever asked for it types its name. `-y` says it beforehand.
import { createInterface } from "node:readline/promises";
import { AppError } from "@capstan/proto";
import type { Context } from "./context.ts";
import { exitCodes } from "./exit-code.ts";

export interface Destruction {
  /** What would be done, as a question without its mark: `Revoke agent onprem-a`. */
  readonly deed: string;
  /** What follows, in a sentence. */
  readonly effect?: string;
  /** What has to be typed. */
  readonly name: string;
}

/**
 * Goes on if the name was typed or `-y` was given.
 * @throws usage where nobody can be asked, or where something else was typed; nothing has been changed then
 */
export async function confirmName(ctx: Context, { deed, effect, name }: Destruction): Promise<void> {
  const { options, out, environment } = ctx;
  if (options.yes === true) return;
  if (!options.input || environment.isCi || !process.stdin.isTTY)
    throw new AppError("usage", `${deed}? Nobody can be asked here; add -y to do it`);
  const reading = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-D and an end of the input leave a question that nobody answers any more.
  const unanswered = new Promise<undefined>((resolve) => {
    reading.once("close", () => resolve(undefined));
  });
  reading.once("SIGINT", () => {
    out.talk("");
    process.exit(exitCodes.interrupted);
  });
  try {
    out.talk(`${deed}?${effect === undefined ? "" : ` ${effect}`}`);
    const typed = await Promise.race([reading.question(`Type ${name} to go on: `), unanswered]);
    if (typed === undefined) throw new AppError("usage", "nobody answered: nothing was changed");
    if (typed.trim() !== name) throw new AppError("usage", `that is not ${name}: nothing was changed`);
  } finally {
    reading.close();
  }
}
