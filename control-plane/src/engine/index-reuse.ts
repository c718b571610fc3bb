// Indexes of a mapped task that a retry does not execute again, where the task itself runs anew because others of them failed.
//  I1. What may be re-used stands in the run's origin: by position of the task and index, with the item that it was for. The
//      list is made anew, and an index is re-used only where its item is the same.
//  I2. It is used when the index has its turn, so task runs are made in the order in which they always are.
//  I3. An index of a chain is re-used only together with the same index of the task before it.
import type { JsonObject, JsonValue } from "@capstan/proto";
import type { ReusedFrom, RunOrigin } from "./again.ts";
import { same } from "./same.ts";

export interface IndexReuse {
  readonly item: JsonValue;
  readonly outputs: JsonObject;
  readonly from: ReusedFrom;
}
/** By index. */
export type IndexesReused = ReadonlyMap<number, IndexReuse>;
/** As it is kept with the run. */
export type KeptIndexes = readonly (readonly [position: number, indexes: readonly (readonly [number, IndexReuse])[]])[];

/** More than this as JSON is not kept for one run: it would be read with each load of it, and the task runs anew as a whole. */
const keptIndexesBytesMax = 2 * 1024 * 1024;

const read = new WeakMap<KeptIndexes, ReadonlyMap<number, IndexesReused>>();

/** What the index of a mapped task gave in the run that this one repeats; undefined where it is to be executed. */
export function indexReuse(
  origin: RunOrigin | undefined,
  position: number,
  index: number,
  item: JsonValue | undefined,
): IndexReuse | undefined {
  if (origin?.indexes === undefined) return undefined;
  let known = read.get(origin.indexes);
  if (known === undefined) {
    known = new Map(origin.indexes.map(([at, indexes]) => [at, new Map(indexes)]));
    read.set(origin.indexes, known);
  }
  const found = known.get(position)?.get(index);
  return found !== undefined && same(found.item, item) ? found : undefined;
}

/** For the origin of the run; nothing where it would be too much. */
export function keepIndexes(indexes: ReadonlyMap<number, IndexesReused>): { readonly indexes?: KeptIndexes } {
  let left = keptIndexesBytesMax;
  const kept: (readonly [number, readonly (readonly [number, IndexReuse])[]])[] = [];
  for (const [position, reused] of indexes) {
    const list = [...reused];
    left -= JSON.stringify(list).length;
    if (left < 0) break;
    kept.push([position, list]);
  }
  return kept.length === 0 ? {} : { indexes: kept };
}
