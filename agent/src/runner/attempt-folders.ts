// The folders of attempts: `exchange` for the files of the protocol, in memory where there is a tmpfs for it, and
// `space` on disk with the task's own `work` folder.
//  F1. A space is used again only where nothing touched it: its change times are those it was handed out with, so
//      nobody has made, deleted or renamed anything in it, nor changed a mode or an attribute.
//  F2. A change time is exact to a tick of the kernel: what was made less than 20 ms before is not judged by it.
//  F3. After a failure both are kept for a look, on disk under the attempt's id, small files only.
import { cp, lstat, mkdir, rename } from "node:fs/promises";
import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import { hasRoom, memoryFolder } from "../workspace/memory-folder.ts";
import { removeFolder } from "../workspace/directory.ts";

const sparesMax = 32;
const tickMs = 20;
const keptFileBytesMax = 1024 * 1024;

export interface AttemptFolders {
  readonly exchange: string;
  readonly space: string;
  /** Change times of `space` and its `work`, ns, where they say for certain whether anything was touched. */
  readonly changed: readonly [bigint, bigint] | undefined;
}

interface Spare {
  readonly space: string;
  readonly changed: readonly [bigint, bigint];
  readonly madeMs: number;
}

const prefixOf = (runner: number): string => `w${runner}-`;

/** Removes the spaces of a runner that is dead. */
export function removeSpaces(work: string, runner: number): void {
  for (const name of readdirSync(work)) if (name.startsWith(prefixOf(runner))) removeFolder(`${work}/${name}`);
}

export class FolderPool {
  readonly #work: string;
  readonly #memory: string | undefined;
  readonly #prefix: string;
  readonly #spares: Spare[] = [];
  #made = 0;
  #isFilling = false;

  /** @param work `work` of the data folder @param number of this runner; what an earlier one of that number left goes */
  constructor(dataDir: string, work: string, number: number) {
    this.#work = work;
    this.#memory = memoryFolder(dataDir);
    this.#prefix = prefixOf(number);
    removeSpaces(work, number);
    this.#fill();
  }

  take(attempt: string): AttemptFolders {
    const spare = this.#spares.shift();
    this.#fill();
    const space = spare?.space ?? this.#make();
    const isInMemory = this.#memory !== undefined && hasRoom(this.#memory);
    const exchange = isInMemory ? `${this.#memory}/${attempt}` : `${space}/exchange`;
    mkdirSync(exchange, { mode: 0o700 });
    const isOld = isInMemory && spare !== undefined && performance.now() - spare.madeMs > tickMs;
    return { exchange, space, changed: isOld ? spare.changed : undefined };
  }

  /** Takes back the folders of an attempt whose tree is gone. */
  async giveBack(folders: AttemptFolders): Promise<void> {
    const { exchange, space, changed } = folders;
    if (exchange !== `${space}/exchange`) removeFolder(exchange);
    if (changed !== undefined && this.#spares.length < sparesMax && isSame(changed, changeTimes(space))) {
      this.#spares.push({ space, changed, madeMs: -Infinity });
      return;
    }
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
    for (const { space } of this.#spares) removeFolder(space);
    this.#spares.length = 0;
  }

  #make(): string {
    const space = `${this.#work}/${this.#prefix}${this.#made++}`;
    mkdirSync(space, { mode: 0o700 });
    mkdirSync(`${space}/work`, { mode: 0o700 });
    return space;
  }

  /** Makes spares while nothing waits for them. */
  #fill(): void {
    if (this.#isFilling || this.#spares.length >= sparesMax / 2) return;
    this.#isFilling = true;
    const one = async (): Promise<void> => {
      const space = `${this.#work}/${this.#prefix}${this.#made++}`;
      await mkdir(space, { mode: 0o700 });
      await mkdir(`${space}/work`, { mode: 0o700 });
      this.#spares.push({ space, changed: changeTimes(space), madeMs: performance.now() });
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

function changeTimes(space: string): readonly [bigint, bigint] {
  return [lstatSync(space, { bigint: true }).ctimeNs, lstatSync(`${space}/work`, { bigint: true }).ctimeNs];
}

const isSame = (a: readonly [bigint, bigint], b: readonly [bigint, bigint]): boolean => a[0] === b[0] && a[1] === b[1];
