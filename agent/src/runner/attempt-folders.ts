// The folders of attempts: `exchange` for the files of the protocol, in memory where there is a tmpfs for it, and
// `space` on disk with the task's own `work` folder.
//  F1. Folders are used again only where nothing touched them: their change times are those they were handed out with, so
//      nobody has made, deleted or renamed anything in them, nor changed a mode or an attribute.
//  F2. A change time is exact to a tick of the kernel: what was made less than 20 ms before is not judged by it.
//  F3. Both are named for their runner, which makes them ahead of time; where it is dead they go by that name.
//  F4. After a failure both are kept for a look, on disk under the attempt's id, small files only.
import { cp, lstat, mkdir, rename } from "node:fs/promises";
import { existsSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { hasRoom, memoryFolder } from "../workspace/memory-folder.ts";
import { removeFolder } from "../workspace/directory.ts";

const sparesMax = 32;
const tickMs = 20;
const keptFileBytesMax = 1024 * 1024;
/** How long a look at the room in memory counts. An exchange is small beside what has to be free. */
const roomLookMs = 500;

export interface AttemptFolders {
  readonly exchange: string;
  readonly space: string;
  /** Change times of `exchange`, `space` and its `work`, ns, where they say for certain whether anything was touched. */
  readonly changed: ChangeTimes | undefined;
}

type ChangeTimes = readonly bigint[];

interface Spare {
  readonly exchange: string;
  readonly space: string;
  readonly changed: ChangeTimes;
  readonly madeMs: number;
}

const prefixOf = (runner: number): string => `w${runner}-`;

/** Whether a folder of that name belongs to one of these runners. */
export const isFolderOf = (name: string, runners: readonly number[]): boolean =>
  runners.some((runner) => name.startsWith(prefixOf(runner)));

/** Removes the folders of a runner that is dead. @param work `work` of the data folder */
export function removeFoldersOf(dataDir: string, work: string, runner: number): void {
  for (const folder of [work, memoryFolder(dataDir)]) {
    if (folder === undefined || !existsSync(folder)) continue;
    for (const name of readdirSync(folder)) if (name.startsWith(prefixOf(runner))) removeFolder(`${folder}/${name}`);
  }
}

export class FolderPool {
  readonly #work: string;
  readonly #memory: string | undefined;
  readonly #prefix: string;
  readonly #spares: Spare[] = [];
  #made = 0;
  #isFilling = false;
  #room = { isThere: false, atMs: -Infinity };

  /** @param work `work` of the data folder @param number of this runner; what an earlier one of that number left goes */
  constructor(dataDir: string, work: string, number: number) {
    this.#work = work;
    this.#memory = memoryFolder(dataDir);
    this.#prefix = prefixOf(number);
    removeFoldersOf(dataDir, work, number);
    this.#fill();
  }

  take(): AttemptFolders {
    const memory = this.#memoryWithRoom();
    const spare = memory === undefined ? undefined : this.#spares.shift();
    this.#fill();
    if (spare !== undefined) {
      const isOld = performance.now() - spare.madeMs > tickMs;
      return { exchange: spare.exchange, space: spare.space, changed: isOld ? spare.changed : undefined };
    }
    const name = this.#nextName();
    const space = `${this.#work}/${name}`;
    const exchange = memory === undefined ? `${space}/exchange` : `${memory}/${name}`;
    for (const folder of [space, `${space}/work`, exchange]) mkdirSync(folder, { mode: 0o700 });
    return { exchange, space, changed: undefined };
  }

  /** Takes back the folders of an attempt whose tree is gone. */
  async giveBack(folders: AttemptFolders): Promise<void> {
    const { exchange, space, changed } = folders;
    if (changed !== undefined && this.#spares.length < sparesMax && isSame(changed, changeTimes(exchange, space))) {
      this.#spares.push({ exchange, space, changed, madeMs: -Infinity });
      return;
    }
    if (exchange !== `${space}/exchange`) removeFolder(exchange);
    // Out of the way of what comes next: a removal can take long.
    await new Promise((resolve) => setImmediate(resolve));
    removeFolder(space);
  }

  /** Keeps what a failed attempt left. The agent's sweep takes it later. */
  async keep(attempt: string, { exchange, space }: AttemptFolders): Promise<void> {
    const kept = `${this.#work}/${attempt}`;
    await rename(space, kept);
    if (exchange === `${space}/exchange`) return;
    const filter = async (path: string): Promise<boolean> => {
      const stat = await lstat(path);
      return stat.isDirectory() || (stat.isFile() && stat.size <= keptFileBytesMax);
    };
    await cp(exchange, `${kept}/exchange`, { recursive: true, filter });
    removeFolder(exchange);
  }

  close(): void {
    for (const { exchange, space } of this.#spares) {
      removeFolder(exchange);
      removeFolder(space);
    }
    this.#spares.length = 0;
  }

  #nextName(): string {
    return `${this.#prefix}${this.#made++}`;
  }

  #memoryWithRoom(): string | undefined {
    if (this.#memory === undefined) return undefined;
    const nowMs = performance.now();
    if (nowMs - this.#room.atMs > roomLookMs) this.#room = { isThere: hasRoom(this.#memory), atMs: nowMs };
    return this.#room.isThere ? this.#memory : undefined;
  }

  /** Makes spares while nothing waits for them. */
  #fill(): void {
    const memory = this.#memory;
    if (memory === undefined || this.#isFilling || this.#spares.length >= sparesMax / 2) return;
    this.#isFilling = true;
    const one = async (): Promise<void> => {
      const name = this.#nextName();
      const [exchange, space] = [`${memory}/${name}`, `${this.#work}/${name}`];
      for (const folder of [exchange, space, `${space}/work`]) await mkdir(folder, { mode: 0o700 });
      this.#spares.push({ exchange, space, changed: changeTimes(exchange, space), madeMs: performance.now() });
    };
    one().then(
      () => {
        this.#isFilling = false;
        this.#fill();
      },
      () => {
        this.#isFilling = false; // `take` meets the same error and tells it
      },
    );
  }
}

const changeTimes = (exchange: string, space: string): ChangeTimes =>
  [exchange, space, `${space}/work`].map((folder) => lstatSync(folder, { bigint: true }).ctimeNs);

const isSame = (a: ChangeTimes, b: ChangeTimes): boolean => a.every((time, at) => time === b[at]);
