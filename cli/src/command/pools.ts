import { formatDuration, type JoinTokenBody, type RouteResponse } from "@capstan/proto";
import type { Command } from "commander";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { duration, wholeNumber } from "../flag-value.ts";
import { readLabels } from "../labels.ts";
import type { Column } from "../output/table.ts";

type Pool = RouteResponse<"poolList">["data"][number];

const columns: readonly Column<Pool>[] = [
  { title: "POOL", key: "name", value: (pool) => pool.name },
  { title: "ONLINE", key: "agentsOnline", value: (pool) => `${pool.agentsOnline} of ${pool.agents}`, align: "right" },
  { title: "FREE", key: "slotsFree", value: (pool) => `${pool.slotsFree} of ${pool.slots}`, align: "right" },
  { title: "CREATED", key: "createdAt", value: (pool) => pool.createdAt, isWide: true },
];

interface TokenFlags {
  readonly ttl?: number;
  readonly uses?: number;
  readonly labels: readonly string[];
  readonly cidr?: string;
  readonly approve?: boolean;
}

/** `capstan pools`: groups of agents, and the tokens by which an agent joins one. */
export function registerPools(program: Command, context: (command: Command) => Context): void {
  const pools = program.command("pools").summary("groups of agents, and tokens to join one");
  pools
    .command("list")
    .summary("pools with their agents and free slots")
    .addHelpText("before", "Examples:\n  capstan pools list\n")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("poolList");
      ctx.out.list(page.data, columns, (pool) => pool.name, page);
    });
  pools
    .command("token")
    .summary("make a token by which an agent joins a pool; it is printed once, on stdout")
    .argument("<pool>", "its name: default where nobody has made another")
    .option("--ttl <duration>", "how long it can be used (15m)", duration("15m", { min: "1m", max: "1d" }))
    .option("--uses <n>", "how many agents it lets in (1)", wholeNumber(1, 10_000))
    .option("--labels <k=v,…>", "labels that every agent it lets in has, whatever it says of itself", commaPairs, [])
    .option("--cidr <range>", "only from these addresses: 10.0.0.0/8")
    .option("--approve", "the agent waits for a person's yes")
    .addHelpText(
      "before",
      "Examples:\n  capstan pools token onprem > token\n  capstan pools token onprem --labels zone=onprem,rack=7 --uses 5 --ttl 1h\n",
    )
    .action(async (pool: string, flags: TokenFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { ttl, uses, labels, cidr, approve } = flags;
      const body: JoinTokenBody = {
        ...(ttl === undefined ? {} : { expiresInMs: ttl }),
        ...(uses === undefined ? {} : { uses }),
        ...(labels.length === 0 ? {} : { labels: readLabels(labels, "--labels") }),
        ...(cidr === undefined ? {} : { cidr }),
        ...(approve === undefined ? {} : { approve }),
      };
      const made = await client.call("joinTokenCreate", { params: { pool }, body });
      ctx.out.one(made, made.id, () => `${made.token}\n`);
      const left = formatDuration(ttl ?? 900_000);
      ctx.out.hint(
        `good for ${made.usesMax === 1 ? "one agent" : `${made.usesMax} agents`} and ${left}; it is not shown again`,
      );
      ctx.out.hint(
        `on the agent's host: capstan agent join ${client.server} --data DIR < token, then capstan agent start --data DIR`,
      );
    });
}

const commaPairs = (text: string, before: readonly string[]): string[] =>
  text.split(",").reduce<string[]>((all, pair) => collect(pair, all), [...before]);
