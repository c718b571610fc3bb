// The screen of `capstan dev`, and the JSON lines that stand for it where a program reads.
import { formatDuration } from "@capstan/proto";
import type { Output } from "../output/output.ts";
import { printable } from "../output/table.ts";
import { problemLine } from "../project/deploy.ts";
import type { DevEvent, Step, Teller } from "./event.ts";

const duration = (ms: number | undefined): string => (ms === undefined ? "" : `${(ms / 1000).toFixed(1)} s`);
const runStates = ["succeeded", "failed", "timed_out", "cancelled"] as const;

/** Lines for people, on stdout: this is what the command is for. */
export function screen(out: Output): Teller {
  const say = (line: string): void => out.data(line + "\n");
  const check = out.tone("green", out.isAscii ? "+" : "✓");
  const cross = out.tone("red", out.isAscii ? "x" : "✗");
  let isUp = false;
  return {
    started: (version, dataDir, database) =>
      say(
        `  ${out.colors.bold(`capstan ${version}`)}   node ${process.versions.node.split(".")[0] ?? ""}   data in ${dataDir} (${database})`,
      ),
    step: ({ name, durationMs, count, detail = "" }: Step) => {
      isUp ||= name === "workflows"; // that line names them all; later ones get a line each
      say(
        `  ${check} ${`${name.padEnd(13)} ${(count === undefined ? duration(durationMs) : String(count)).padEnd(7)} ${detail}`.trimEnd()}`,
      );
    },
    note: (text) => out.talk(`  ${out.tone("amber", "!")} ${text}`),
    signIn: (url) => say(`  sign in: ${out.colors.bold(url)}   (once, this machine only)`),
    event: (event) => {
      if (event.event === "deployed") {
        if (isUp && event.result !== "unchanged")
          say(`  ${check} deployed ${event.workflow}   version ${event.version} (${event.result})   ${event.file}`);
      } else if (event.event === "refused") {
        for (const problem of event.problems) say(`  ${cross} ${printable(problemLine(problem))}`);
      } else if (event.event === "run") {
        const state = runStates.find((known) => known === event.state);
        const hasEnded = state !== undefined;
        const tone = state === "succeeded" ? "green" : hasEnded ? "red" : "amber";
        const word = out.tone(tone, hasEnded ? event.state : `still ${event.state}`);
        const time = event.durationMs === null ? "" : ` in ${formatDuration(event.durationMs)}`;
        say(`  ${out.isAscii ? ">" : "→"} ran ${event.workflow.padEnd(9)} ${word}${time}   ${event.url}`);
        if (event.detail !== undefined) say(`    ${printable(event.detail)}`);
      } else if (event.event === "stopped") {
        say("  stopped");
      }
    },
  };
}

/** One JSON object a line on stdout, `ready` first; what is only for people goes to stderr. */
export function jsonLines(out: Output): Teller {
  return {
    started: () => {},
    step: ({ name, durationMs, count, detail }) =>
      out.talk(
        [name, count === undefined ? duration(durationMs) : String(count), detail]
          .filter((part) => part !== undefined && part !== "")
          .join("  "),
      ),
    note: (text) => out.talk(`! ${text}`),
    // The link is a credential: it goes to the person's stderr, not into a program's record of events.
    signIn: (url) => out.talk(`sign in: ${url}`),
    event: (event: DevEvent) => out.data(JSON.stringify(event) + "\n"),
  };
}
