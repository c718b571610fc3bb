// The folder of workflows in `capstan dev`: deployed at the start and on every save.
//  W1. A file with a problem leaves its deployed version alone and does not keep the others from being deployed.
//  W2. A file is sent again only where its text or its code has changed.
import { readdirSync, watch, type FSWatcher } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { AppError } from "@capstan/proto";
import type { Client } from "../api/client.ts";
import { ProblemError } from "../api/problem.ts";
import { deploy, packSources, validateRemotely, type PackedSource } from "../project/deploy.ts";
import { isRefused, problemsOf, readSources, skippedFolders } from "../project/sources.ts";
import type { Teller } from "./event.ts";

const hashOf = ({ document, bundle }: PackedSource): string =>
  createHash("sha256")
    .update(document.source)
    .update("\u0000")
    .update(bundle?.sha256 ?? "")
    .digest("hex");

const settleMs = 60;
const folderDepthMax = 12;

function* foldersBelow(folder: string, depth = 0): Generator<string> {
  yield folder;
  if (depth >= folderDepthMax) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith(".") || skippedFolders.has(entry.name)) continue;
    yield* foldersBelow(join(folder, entry.name), depth + 1);
  }
}

export class WorkflowFolder {
  readonly #client: Client;
  readonly #folder: string;
  readonly #cwd: string;
  readonly #teller: Teller;
  readonly #sent = new Map<string, string>();
  #deployed: string[] = [];
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;
  #isAgain = false;

  constructor(options: {
    readonly client: Client;
    readonly folder: string;
    readonly cwd: string;
    readonly teller: Teller;
  }) {
    this.#client = options.client;
    this.#folder = options.folder;
    this.#cwd = options.cwd;
    this.#teller = options.teller;
  }

  /** Names of the workflows that are deployed from here, in the order of their files. */
  get names(): readonly string[] {
    return this.#deployed;
  }

  /** Deploys what has changed since the last time. */
  async deployChanged(): Promise<void> {
    const sources = await readSources([this.#folder], this.#cwd);
    const refused = sources.filter(isRefused);
    if (refused.length > 0) this.#tellProblems(refused.flatMap((source) => problemsOf(source, this.#cwd)));
    const good = sources.filter((source) => !isRefused(source));
    const changed = packSources(good, this.#cwd).filter(
      (packed) => this.#sent.get(packed.document.file) !== hashOf(packed),
    );
    if (changed.length === 0) return;
    for (const packed of changed) this.#sent.set(packed.document.file, hashOf(packed));
    try {
      await this.#deploy(changed);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.code !== "spec_invalid") throw error;
      const checked = await validateRemotely(this.#client, changed, this.#cwd);
      const isError = (problem: { readonly severity?: string | undefined }): boolean => problem.severity !== "warning";
      const asked = error.problem.errors ?? [{ code: error.problem.code, detail: error.problem.detail }];
      const problems = checked.problems.some(isError) ? checked.problems : asked;
      // A deploy also knows what only the project tells: limits that a task takes of and nobody made.
      const told = [...checked.problems, ...(error.problem.errors ?? [])];
      const wrong = new Set(told.filter(isError).flatMap((problem) => problem.file ?? []));
      this.#tellProblems(problems);
      const rest = changed.filter(({ document }) => !wrong.has(document.file));
      if (wrong.size > 0 && rest.length > 0) await this.#deploy(rest);
    }
  }

  #tellProblems(
    problems: readonly {
      readonly file?: string | undefined;
      readonly line?: number | undefined;
      readonly column?: number | undefined;
      readonly code: string;
      readonly detail: string;
      readonly hint?: string | undefined;
    }[],
  ): void {
    const told = problems.map(({ file, line, column, code, detail, hint }) => ({
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { line }),
      ...(column === undefined ? {} : { column }),
      code,
      detail: hint === undefined ? detail : `${detail}, ${hint}`,
    }));
    this.#teller.event({ event: "refused", problems: told });
  }

  async #deploy(packed: readonly PackedSource[]): Promise<void> {
    const done = await deploy(this.#client, packed, { cwd: this.#cwd });
    for (const { workflow, file, version, result, warnings } of done.workflows) {
      if (!this.#deployed.includes(workflow)) this.#deployed = [...this.#deployed, workflow];
      this.#teller.event({ event: "deployed", workflow, file, version, result });
      if (warnings.length > 0) this.#tellProblems(warnings);
    }
  }

  /** Deploys again on every save. Errors are told; watching goes on. */
  watch(): void {
    for (const folder of foldersBelow(this.#folder)) {
      if (this.#watchers.has(folder)) continue;
      // Each folder by itself: a recursive watch would also wake for every page that a database below here writes.
      const watcher = watch(folder, (_, name) => {
        if (name?.startsWith(".") === true) return;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.#onSave(), settleMs);
      });
      watcher.on("error", () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    }
  }

  async #onSave(): Promise<void> {
    if (this.#isBusy) {
      this.#isAgain = true;
      return;
    }
    this.#isBusy = true;
    try {
      do {
        this.#isAgain = false;
        this.watch(); // folders may be new
        await this.deployChanged();
      } while (this.#isAgain);
    } catch (error) {
      this.#sent.clear(); // what was not taken is sent again at the next save
      const isKnown = error instanceof AppError || error instanceof ProblemError;
      this.#teller.note(isKnown ? error.message : `deploying failed: ${String(error)}`);
    } finally {
      this.#isBusy = false;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
  }
}
