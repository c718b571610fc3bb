// The next command after a refusal, where the command line knows more than the catalogue does.
import type { Command } from "commander";
import type { Told } from "./told.ts";
import { helpOf } from "./usage.ts";

/** What lists the things that a sentence says there is none of: `There is no agent x in project default.` */
const lists: Readonly<Record<string, string>> = {
  run: "capstan runs list",
  task: "capstan runs show RUN",
  workflow: "capstan workflows list",
  agent: "capstan agents list",
  pool: "capstan pools list",
  schedule: "capstan schedules list",
  backfill: "capstan backfills list",
  webhook: "capstan webhooks list",
  trigger: "capstan triggers list",
  endpoint: "capstan endpoints list",
  limit: "capstan limits list",
  variable: "capstan vars list",
  user: "capstan users list, and capstan users add NAME makes one",
  member: "capstan members list",
  project: "capstan projects list",
  token: "capstan tokens list",
};

/** Values that came from words of the command line: what is wrong with them is answered by its help. */
const ofWords: ReadonlySet<string> = new Set(["usage", "malformed", "filter_invalid", "cursor_invalid"]);

/** The same failure with the step that helps whoever typed the command. */
export function withNextStep(told: Told, program: Command, argv: readonly string[]): Told {
  if (ofWords.has(told.code)) return { ...told, next: helpOf(program, argv) };
  if (told.code !== "not_found") return told;
  const noun = /\bno (\w+) /i.exec(told.detail)?.[1] ?? "";
  const list = Object.hasOwn(lists, noun) ? lists[noun] : undefined;
  return list === undefined ? told : { ...told, next: list };
}
