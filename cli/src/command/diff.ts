import { AppError } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { lineDiff } from "../output/line-diff.ts";
import { changesOf, changesText, diffText, onlyDeployed, versionText, type Change } from "../project/changes.ts";
import { packSources } from "../project/deploy.ts";
import { noSources, readSources } from "../project/sources.ts";

const versionPattern = /^([a-z][a-z0-9_]{0,62})@([1-9]\d{0,8}|sha256:[0-9a-f]{64})$/;

/** `hello@1 hello@2`, or undefined for paths. @throws usage */
function versionsOf(given: readonly string[]): readonly (readonly [string, string])[] | undefined {
  const found = given.map((one) => versionPattern.exec(one));
  if (found.every((match) => match === null)) return undefined;
  const pairs = found.flatMap((match) => (match === null ? [] : [[match[1] ?? "", match[2] ?? ""] as const]));
  if (pairs.length !== 2 || given.length !== 2)
    throw new AppError("usage", "two versions are compared: capstan diff hello@1 hello@2");
  return pairs;
}

async function diffVersions(ctx: Context, pairs: readonly (readonly [string, string])[]): Promise<void> {
  const client = ctx.client();
  const [before, after] = await Promise.all(pairs.map(([workflow, version]) => versionText(client, workflow, version)));
  const lines = lineDiff(before?.text ?? "", after?.text ?? "");
  const name = pairs.map(([workflow, version]) => `${workflow}@${version}`).join(" → ");
  ctx.out.one({ versions: name, lines }, name, () => diffText(ctx.out, lines));
  ctx.out.talk(lines.length === 0 ? `${name}: no difference` : name);
}

/** `capstan diff`: what a deploy would change, or what two versions differ in. Nothing is changed. */
export function registerDiff(program: Command, context: (command: Command) => Context): void {
  program
    .command("diff")
    .summary("what a deploy would change, or what two versions differ in")
    .argument("[path...]", "files or folders (./workflows), or two versions: hello@1 hello@2")
    .addHelpText(
      "before",
      "Examples:\n  capstan diff\n  capstan diff workflows/daily.yaml\n  capstan diff hello@1 hello@2\n",
    )
    .action(async (given: readonly string[], _flags: unknown, command: Command) => {
      const ctx = context(command);
      const versions = versionsOf(given);
      if (versions !== undefined) return diffVersions(ctx, versions);
      const sources = await readSources(given.length > 0 ? given : ["workflows"], ctx.cwd);
      if (sources.length === 0) throw noSources();
      const client = ctx.client();
      const local = await changesOf(client, packSources(sources, ctx.cwd));
      const changes: Change[] = given.length > 0 ? local : [...local, ...(await onlyDeployed(client, local))];
      if (ctx.out.isForPeople) ctx.out.data(changesText(ctx.out, changes));
      else ctx.out.list(changes, [], (change) => change.workflow);
      ctx.out.talk(countText(changes));
    });
}

/** `1 new, 2 changed, 3 unchanged` */
export const countText = (changes: readonly Change[]): string =>
  (["new", "changed", "unchanged"] as const)
    .map((result) => `${changes.filter((change) => change.result === result).length} ${result}`)
    .join(", ");
