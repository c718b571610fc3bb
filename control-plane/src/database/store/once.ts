// A creation that a client may ask for again: the first answer is kept with the effect and given again.
import { AppError } from "@capstan/proto";
import type pg from "pg";
import type { Once, OnceKey } from "../../http/once-key.ts";

/**
 * Runs `make` at most once for a key, in the transaction of `client`; a second request waits for the first to commit.
 * @param projectId the scope of the key @param make its answer is kept as JSON and holds no secret; undefined: nothing was made
 * @throws idempotency_key_reused where the key was used for something else
 */
export async function once<T>(
  client: pg.PoolClient,
  projectId: string,
  key: OnceKey | undefined,
  make: () => Promise<T>,
): Promise<Once<T>> {
  if (key === undefined) return { value: await make(), isReplayed: false };
  const place = [projectId, key.caller, key.key];
  const claimed = await client.query(
    `INSERT INTO idempotency_keys (project_id, caller, key, request_sha256, status, created_at)
     VALUES ($1, $2, $3, $4, 201, clock_timestamp()) ON CONFLICT (project_id, caller, key) DO NOTHING`,
    [...place, key.requestSha256],
  );
  if (claimed.rowCount === 0) {
    const first = await client.query<{ request_sha256: string; response: T | null }>(
      "SELECT request_sha256, response FROM idempotency_keys WHERE project_id = $1 AND caller = $2 AND key = $3",
      place,
    );
    const row = first.rows[0];
    if (row === undefined || row.response === null || row.request_sha256 !== key.requestSha256)
      throw new AppError("idempotency_key_reused", "This Idempotency-Key was used for another request.");
    return { value: row.response, isReplayed: true };
  }
  const value = await make();
  if (value === undefined) {
    await client.query("DELETE FROM idempotency_keys WHERE project_id = $1 AND caller = $2 AND key = $3", place);
    return { value, isReplayed: false };
  }
  await client.query("UPDATE idempotency_keys SET response = $4 WHERE project_id = $1 AND caller = $2 AND key = $3", [
    ...place,
    JSON.stringify(value),
  ]);
  return { value, isReplayed: false };
}
