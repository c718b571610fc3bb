import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type DeployView } from "@capstan/proto";
import { type Command } from "commander";
import type { Context } from "../context.ts";
import { duration } from "../flag-value.ts";
import { showDeployed } from "../output/deployed.ts";
import { checkOut, checkRef, checkRepository, findCommit, type Commit } from "../project/git-checkout.ts";
import { deploy, packSources } from "../project/deploy.ts";
import { noSources, readSources } from "../project/sources.ts";
import { tell, toldText } from "../told.ts";

interface SyncFlags {
  readonly ref: string;
  readonly path: string;
  readonly every?: number;
  readonly prune?: boolean;
}

/** `capstan sync`: a project is what a Git repository says. */
export function registerSync(program: Command, context: (command: Command) => Context): void {
  program
    .command("sync")
    .summary("deploy the workflows of a Git repository, once or whenever it changes")
    .argument("<repository>", "its address, or its folder on this machine")
    .option("--ref <name>", "branch, tag or commit", "main")
    .option("--path <folder>", "folder of workflows in it", "workflows")
    .option("--every <duration>", "go on, and look that often; Ctrl-C ends it", duration("1m", { min: "5s" }))
    .option("--prune", "retire deployed workflows that are not in it")
    .addHelpText(
      "before",
      "Examples:\n  capstan sync https://git.example.org/data/flows.git\n  capstan sync git@git.example.org:data/flows.git --ref prod --prune --every 1m\n",
    )
    .action(async (repository: string, flags: SyncFlags, command: Command) => {
      const ctx = context(command);
      checkRepository(repository);
      checkRef(flags.ref);
      if (flags.every === undefined) {
        const { view } = await syncOnce(ctx, repository, flags, undefined);
        show(ctx, view);
        return;
      }
      await follow(ctx, repository, flags, flags.every);
    });
}

async function follow(ctx: Context, repository: string, flags: SyncFlags, everyMs: number): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  let last: Commit | undefined;
  let problem = "";
  while (!ended.signal.aborted) {
    try {
      const { commit, view } = await syncOnce(ctx, repository, flags, last);
      if (commit.id !== last?.id) show(ctx, view);
      if (problem !== "") ctx.out.talk("it works again");
      last = commit;
      problem = "";
    } catch (error) {
      // Told once, not with every look: what is deployed stays until the repository has something better.
      const text = toldText(tell(error));
      if (text !== problem) ctx.out.talk(text);
      problem = text;
    }
    await new Promise<void>((done) => {
      const timer = setTimeout(done, everyMs);
      ended.signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
    });
  }
}

interface Synced {
  readonly commit: Commit;
  /** Undefined: nothing had to be deployed. */
  readonly view: DeployView | undefined;
}

/** Deploys what the repository says, where that is not what is deployed. @param last the commit that needs no look */
async function syncOnce(ctx: Context, repository: string, flags: SyncFlags, last: Commit | undefined): Promise<Synced> {
  const folder = mkdtempSync(join(tmpdir(), "capstan-sync-"));
  try {
    const options = { cwd: folder, env: ctx.environment.childEnv };
    const commit = await findCommit(repository, flags.ref, { ...options, cwd: ctx.cwd });
    if (commit.id === last?.id) return { commit, view: undefined };
    // A relative folder is one of this machine's, seen from here and not from the folder of the copy.
    const subject = await checkOut(addressOf(repository, ctx.cwd), commit, flags.ref, options);
    const sources = await readSources([flags.path], folder);
    if (sources.length === 0) throw noSources();
    const packed = packSources(sources, folder);
    const client = ctx.client();
    const rest = { cwd: folder, ...(flags.prune === true ? { prune: true } : {}) };
    const planned = await deploy(client, packed, { ...rest, dryRun: true });
    const isSame = planned.workflows.every(({ result }) => result === "unchanged") && planned.pruned.length === 0;
    if (isSame) return { commit, view: undefined };
    const message = `${flags.ref}@${commit.id.slice(0, 12)} ${subject}`.slice(0, 2000);
    return { commit, view: await deploy(client, packed, { ...rest, message }) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An address is what it is; a folder is seen from here. */
const addressOf = (repository: string, cwd: string): string =>
  /^[A-Za-z][A-Za-z0-9+.-]*:\/\/|^[\w.-]+@[\w.-]+:/.test(repository) ? repository : resolve(cwd, repository);

function show(ctx: Context, view: DeployView | undefined): void {
  if (view === undefined) {
    ctx.out.talk("everything is deployed already");
    return;
  }
  showDeployed(ctx.out, view);
}
