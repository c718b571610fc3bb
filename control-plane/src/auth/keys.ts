// The folder of keys: made in place, mode 0700, files 0600. Keys are files and never rows, so that reading the database
// does not become making tokens.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { AppError } from "@capstan/proto";
import { makeToken, parseToken } from "./opaque-token.ts";

export interface Keys {
  /** Token of the local administrator, as it stands in the file `local`. */
  readonly localToken: string;
  /** Passwords of the database's runtime roles are derived from it. */
  readonly roleKey: Buffer;
  /** Encrypts what the database must keep usable, such as MAC keys of join tokens. AES-256-GCM. */
  readonly sealKey: Buffer;
}

/** Reads the keys, and makes those that are missing. @throws keys_unusable */
export function openKeys(dir: string): Keys {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const mode = statSync(dir).mode & 0o777;
    if ((mode & 0o077) !== 0 && process.platform !== "win32") {
      throw new AppError(
        "keys_unusable",
        `${dir} has mode ${mode.toString(8)}, so others may read the keys in it; it must be 700`,
      );
    }
    const roleKey = binaryKey(dir, "database-roles");
    const sealKey = binaryKey(dir, "seal");
    if (roleKey.equals(sealKey))
      throw new AppError("keys_unusable", `two keys in ${dir} are the same; remove the one that was copied`);
    const localToken = keyFile(dir, "local", () => makeToken("local").text).trim();
    if (parseToken(localToken)?.kind !== "local") {
      throw new AppError(
        "keys_unusable",
        `${path.join(dir, "local")} does not hold a token of this machine; remove it and start again`,
      );
    }
    return { localToken, roleKey, sealKey };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError(
      "keys_unusable",
      `the folder ${dir} cannot be used: ${cause instanceof Error ? cause.message : "unknown"}`,
      { cause },
    );
  }
}

function binaryKey(dir: string, name: string): Buffer {
  const key = Buffer.from(keyFile(dir, name, () => randomBytes(32).toString("base64url")).trim(), "base64url");
  if (key.length < 32 || key.every((byte) => byte === key[0])) {
    throw new AppError("keys_unusable", `${path.join(dir, name)} is empty or not a key`);
  }
  return key;
}

/** Text of a key file. Made whole under another name and linked into place, so that two replicas agree on one. */
function keyFile(dir: string, name: string, make: () => string): string {
  const file = path.join(dir, name);
  const read = (): string | undefined => {
    let fd: number;
    try {
      fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
    try {
      const mode = fstatSync(fd).mode & 0o777;
      if ((mode & 0o077) !== 0 && process.platform !== "win32") {
        throw new AppError(
          "keys_unusable",
          `${file} has mode ${mode.toString(8)}, so others may read it; it must be 600`,
        );
      }
      return readFileSync(fd, "utf8");
    } finally {
      closeSync(fd);
    }
  };
  const found = read();
  if (found !== undefined) return found;
  const draft = path.join(dir, `.${name}.${randomBytes(6).toString("hex")}`);
  const fd = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeSync(fd, make());
  } finally {
    closeSync(fd);
  }
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const made = read();
  if (made === undefined) throw new AppError("keys_unusable", `${file} cannot be made`);
  return made;
}
