// The identity folder: keys and what enrolment answered. 0600 in 0700; nothing else that opens a connection rests on disk.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { AppError, enrolAnswerSchema } from "@capstan/proto";
import { z } from "zod";
import { keyPairOf, type KeyPair } from "./credential.ts";

const privateJwkSchema = z.object({
  kty: z.literal("OKP"),
  crv: z.enum(["Ed25519", "X25519"]),
  x: z.string(),
  d: z.string(),
});
const identityFileSchema = z.object({
  version: z.literal(1),
  server: z.string(),
  name: z.string(),
  identity: privateJwkSchema,
  sealing: privateJwkSchema,
  answer: enrolAnswerSchema,
});
export type IdentityFile = z.infer<typeof identityFileSchema>;

export interface Identity {
  readonly agent: string;
  readonly name: string;
  readonly server: string;
  readonly key: KeyPair;
}

const folderOf = (dataDir: string): string => `${dataDir}/identity`;
const pathOf = (dataDir: string): string => `${folderOf(dataDir)}/identity.json`;

/** @throws agent_not_enrolled */
export async function readIdentity(dataDir: string): Promise<Identity> {
  let text: string;
  try {
    text = readFileSync(pathOf(dataDir), "utf8");
  } catch (cause) {
    throw new AppError("agent_not_enrolled", `no identity in ${dataDir}: enrol first with capstan agent join`, {
      cause,
    });
  }
  const file = identityFileSchema.parse(JSON.parse(text));
  return { agent: file.answer.agent, name: file.name, server: file.server, key: await keyPairOf(file.identity) };
}

export function hasIdentity(dataDir: string): boolean {
  try {
    readFileSync(pathOf(dataDir));
    return true;
  } catch {
    return false;
  }
}

/** Writes the identity whole or not at all. */
export function writeIdentity(dataDir: string, file: IdentityFile): void {
  mkdirSync(folderOf(dataDir), { recursive: true, mode: 0o700 });
  const path = pathOf(dataDir);
  const fd = openSync(`${path}.tmp`, "w", 0o600);
  try {
    writeSync(fd, JSON.stringify(file));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
}

/** After revocation: the keys are worth nothing any more, and must not lie about. */
export function wipeIdentity(dataDir: string): void {
  rmSync(folderOf(dataDir), { recursive: true, force: true });
}
