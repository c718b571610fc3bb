// Outputs that leave their class only after somebody agreed: held in the agent's store, and told by a later attempt.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import {
  AppError,
  residencyOf,
  type CanonicalWorkflow,
  type FinishItem,
  type JsonObject,
  type JsonValue,
  type RunnerCommand,
} from "@capstan/proto";
import type { Finished } from "../execute/executor.ts";
import { maskedJson } from "./attempt-word.ts";
import type { Masking } from "./redact.ts";
import { type FileTransfer, openFileCache } from "../workspace/file-store.ts";
import { heldPath, keptFilesFolder, type LocalStore } from "../workspace/local-store.ts";

/** Takes what is held out of what is told. The values are on disk before the result says that they are held. */
export function keepBack(
  finished: Finished,
  { offer, store }: Pick<Extract<RunnerCommand, { t: "take" }>, "offer" | "store">,
  document: CanonicalWorkflow,
  masking: Masking,
): { readonly finished: Finished; readonly held: FinishItem["held"] } {
  const residency = residencyOf(document).get(offer.task);
  const isHeld = residency !== undefined && residency.held.size > 0 && offer.release === undefined;
  if (!isHeld || store === undefined || finished.outcome !== "succeeded" || finished.skip === true)
    return { finished, held: undefined };
  const { attempt } = offer;
  const entries = Object.entries(maskedJson(finished.outputs ?? {}, masking));
  const held = Object.fromEntries(entries.filter(([name]) => residency.held.has(name)));
  const path = heldPath(store, attempt);
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(held), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return {
    finished: { ...finished, outputs: Object.fromEntries(entries.filter(([name]) => !residency.held.has(name))) },
    held: {
      store: store.id,
      outputs: Object.entries(held).map(([name, value]) => {
        const text = JSON.stringify(value);
        const sha256 = createHash("sha256").update(text).digest("hex");
        return { name, bytes: Buffer.byteLength(text), sha256 };
      }),
    },
  };
}

/** Tells what is held of an attempt, its files too. @throws file_unavailable */
export async function releaseOutputs(
  attempt: string,
  project: string,
  store: LocalStore,
  files: FileTransfer,
): Promise<Finished> {
  let held: JsonObject;
  try {
    held = JSON.parse(readFileSync(heldPath(store, attempt), "utf8")) as JsonObject; // as written above
  } catch (cause) {
    throw new AppError("file_unavailable", `the store ${store.id} holds nothing of ${attempt} any more`, { cause });
  }
  const cache = openFileCache(keptFilesFolder(store, project));
  const told = async (value: JsonValue): Promise<JsonValue> => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return await Promise.all((value as readonly JsonValue[]).map(told)); // not narrowed by isArray
    const { $file, ...rest } = value as JsonObject; // no array
    if (typeof $file === "object" && $file !== null && !Array.isArray($file)) {
      const { store: from, ...file } = $file as JsonObject; // likewise
      const { sha256, size } = file;
      if (from !== store.id || typeof sha256 !== "string" || typeof size !== "number") return value;
      const found = cache.find(sha256, size);
      if (found === undefined) throw new AppError("file_unavailable", `a file held of ${attempt} is gone`);
      await files.upload(found, new AbortController().signal);
      return { $file: file };
    }
    const entries = Object.entries(rest).map(async ([key, item]) => [key, await told(item)] as const);
    return Object.fromEntries(await Promise.all(entries));
  };
  return { outcome: "succeeded", outputs: (await told(held)) as JsonObject }; // an object, as `held` is
}
