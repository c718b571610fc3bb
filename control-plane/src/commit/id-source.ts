// Ids in bulk: random bytes are drawn 8 KB at a time, because a call for ten costs more than the id.
import { randomFillSync } from "node:crypto";
import { uuidV7 } from "@capstan/proto";

const idBytes = 10;

/** A source of UUIDv7 as text, by the wall clock of this process (an id's time orders indexes and nothing else). */
export function makeIdSource(nowMs: () => number = Date.now): () => string {
  const pool = new Uint8Array(idBytes * 800);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    const id = uuidV7(nowMs(), pool.subarray(at, at + idBytes));
    at += idBytes;
    return id;
  };
}
