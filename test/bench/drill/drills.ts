// Drills: what is counted or timed on several replicas or a full database, in place of tasks a second. One JSON document each.
import { parseArgs } from "node:util";
import { acknowledgeDrill } from "./acknowledge.ts";
import { keyDrill } from "./keys.ts";
import { searchDrill } from "./search.ts";
import { tickDrill } from "./ticks.ts";

interface Drill {
  readonly flags: Readonly<Record<string, number>>;
  run(flags: Readonly<Record<string, number>>, say: (text: string) => void): Promise<object>;
}

const number = (flags: Readonly<Record<string, number>>, name: string): number => flags[name] ?? 0;

/** By name, with the sizes that the floors are for. */
export const drills: Readonly<Record<string, Drill>> = {
  ticks: {
    flags: { "per-second": 200, "at-once": 10_000, secs: 600, "kill-every": 20, replicas: 3 },
    run: (flags, say) =>
      tickDrill(
        {
          perSecond: number(flags, "per-second"),
          atOnce: number(flags, "at-once"),
          secs: number(flags, "secs"),
          killEverySecs: number(flags, "kill-every"),
          replicas: number(flags, "replicas"),
        },
        say,
      ),
  },
  keys: {
    flags: { keys: 10_000, racers: 20, "at-once": 8, "kill-every": 20, replicas: 3 },
    run: (flags, say) =>
      keyDrill(
        {
          keys: number(flags, "keys"),
          racers: number(flags, "racers"),
          atOnce: number(flags, "at-once"),
          killEverySecs: number(flags, "kill-every"),
          replicas: number(flags, "replicas"),
        },
        say,
      ),
  },
  acknowledge: {
    flags: { secs: 10, connections: 32 },
    run: (flags) => acknowledgeDrill(number(flags, "secs"), number(flags, "connections")),
  },
  search: {
    flags: { runs: 5_000_000, repetitions: 20, pages: 3 },
    run: (flags, say) =>
      searchDrill(
        { runs: number(flags, "runs"), repetitions: number(flags, "repetitions"), pages: number(flags, "pages") },
        say,
      ),
  },
};

/** Runs a drill with `--flag N`; undefined where there is none of the name. @throws for a flag that it does not have */
export async function runDrill(
  name: string,
  args: readonly string[],
  say: (text: string) => void,
): Promise<object | undefined> {
  const drill = drills[name];
  if (drill === undefined) return undefined;
  const options = Object.fromEntries(Object.keys(drill.flags).map((flag) => [flag, { type: "string" } as const]));
  const { values } = parseArgs({ args: [...args], options });
  const given = Object.entries(values).map(([flag, value]) => [flag, Number(value)] as const);
  for (const [flag, value] of given) if (!(value >= 0)) throw new Error(`--${flag} is a number`);
  const flags = { ...drill.flags, ...Object.fromEntries(given) };
  return { schema: "capstan.drill/1", drill: name, flags, figures: await drill.run(flags, say) };
}
