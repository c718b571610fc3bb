// The grammar of secret references, checked before anything touches a store.
//  V1. A segment is letters, digits, `_`, `.` and `-`, and is neither `.` nor `..`: no reference can climb or smuggle a query.
//  V2. What is parsed and written again is byte for byte what was read, so policies match what is fetched.
import { AppError } from "@capstan/proto";

export interface EnvReference {
  readonly kind: "env";
  readonly name: string;
}
export interface FileReference {
  readonly kind: "file";
  readonly alias: string;
  readonly path: readonly string[];
  readonly key?: string;
}
export interface VaultReference {
  readonly kind: "vault";
  readonly alias: string;
  readonly mount: string;
  readonly path: readonly string[];
  readonly key: string;
  readonly version?: number;
}
export type SecretReference = EnvReference | FileReference | VaultReference;

const segment = /^[A-Za-z0-9_.-]{1,128}$/;
const envName = /^[A-Za-z_][A-Za-z0-9_]{0,126}$/;
const referenceBytesMax = 512;
const segmentsMax = 16;

const isSegment = (text: string | undefined): text is string =>
  text !== undefined && segment.test(text) && text !== "." && text !== "..";

const invalid = (text: string, why: string): AppError =>
  new AppError("secret_reference_invalid", `the secret reference ${JSON.stringify(text.slice(0, 120))} ${why}`);

/** The segments of `text`, each checked. */
function segmentsOf(reference: string, text: string): readonly [string, ...string[]] {
  const [first, ...rest] = text.split("/");
  if (!isSegment(first) || !rest.every(isSegment)) {
    throw invalid(reference, "has a part that is empty, `.`, `..` or holds other characters than A-Z a-z 0-9 _ . -");
  }
  if (rest.length >= segmentsMax + 2) throw invalid(reference, `has more than ${segmentsMax} parts`);
  return [first, ...rest];
}

/**
 * Parses `env:NAME`, `file:<alias>/<path>[#key]` or `vault:<alias>/<mount>/<path>#<key>[@version]`.
 * @throws secret_reference_invalid
 */
export function parseReference(text: string): SecretReference {
  if (Buffer.byteLength(text) > referenceBytesMax) throw invalid(text, `is longer than ${referenceBytesMax} bytes`);
  const colon = text.indexOf(":");
  const scheme = text.slice(0, colon);
  const rest = text.slice(colon + 1);
  if (scheme === "env") {
    if (!envName.test(rest)) throw invalid(text, "names no environment variable");
    return { kind: "env", name: rest };
  }
  if (scheme !== "file" && scheme !== "vault") {
    throw invalid(text, "does not begin with env:, file: or vault:");
  }
  const [location = "", fragment, more] = rest.split("#");
  if (more !== undefined) throw invalid(text, "has more than one #");
  const [alias, ...path] = segmentsOf(text, location);
  if (scheme === "file") {
    if (path.length === 0) throw invalid(text, "names no file: file:<alias>/<path>");
    if (fragment === undefined) return { kind: "file", alias, path };
    if (!isSegment(fragment)) throw invalid(text, "has a key with other characters than A-Z a-z 0-9 _ . -");
    return { kind: "file", alias, path, key: fragment };
  }
  const [mount, ...keyPath] = path;
  if (mount === undefined || keyPath.length === 0) throw invalid(text, "is not vault:<alias>/<mount>/<path>#<key>");
  if (keyPath.length > segmentsMax) throw invalid(text, `has more than ${segmentsMax} parts in its path`);
  const [key, version, third] = (fragment ?? "").split("@");
  if (!isSegment(key) || third !== undefined) throw invalid(text, "needs one key after #");
  if (version === undefined) return { kind: "vault", alias, mount, path: keyPath, key };
  if (!/^[1-9][0-9]{0,8}$/.test(version)) throw invalid(text, "has a version after @ that is no positive number");
  return { kind: "vault", alias, mount, path: keyPath, key, version: Number(version) };
}

/** The canonical text of a reference: what the policies of agent and store are matched against. */
export function referenceText(reference: SecretReference): string {
  switch (reference.kind) {
    case "env":
      return `env:${reference.name}`;
    case "file":
      return `file:${[reference.alias, ...reference.path].join("/")}${reference.key === undefined ? "" : `#${reference.key}`}`;
    case "vault":
      return `vault:${[reference.alias, reference.mount, ...reference.path].join("/")}#${reference.key}${
        reference.version === undefined ? "" : `@${reference.version}`
      }`;
  }
}
