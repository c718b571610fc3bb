// The grammar of references to secrets. Checked before anything else sees one; the agent asks again.

export type SecretReference =
  | {
      readonly store: "vault";
      readonly alias: string;
      readonly mount: string;
      readonly path: readonly string[];
      readonly key: string;
      readonly version?: number;
    }
  | { readonly store: "file"; readonly alias: string; readonly path: readonly string[]; readonly key?: string }
  | { readonly store: "env"; readonly name: string }
  | { readonly store: "k8s"; readonly alias: string; readonly name: string; readonly key: string };

const bytesMax = 512;
const segmentsMax = 16;
const segmentPattern = /^[A-Za-z0-9_.-]{1,128}$/;
const isSegment = (text: string): boolean => segmentPattern.test(text) && text !== "." && text !== "..";

/** The parts of a reference, or undefined where it is not one. Its text is already the canonical form. */
export function parseSecretReference(text: string): SecretReference | undefined {
  if (text.length > bytesMax || /[^\x21-\x7e]|[%?\\{}]/.test(text)) return undefined;
  const colon = text.indexOf(":");
  const [address = "", fragment, ...more] = text.slice(colon + 1).split("#");
  if (colon < 1 || more.length > 0) return undefined;
  switch (text.slice(0, colon)) {
    case "env":
      return fragment === undefined && /^[A-Za-z_][A-Za-z0-9_]*$/.test(address)
        ? { store: "env", name: address }
        : undefined;
    case "file":
      return fileReference(address, fragment);
    case "vault":
      return vaultReference(address, fragment);
    case "k8s": {
      const [alias = "", name = "", ...rest] = address.split("/");
      const right =
        rest.length === 0 && isSegment(alias) && isSegment(name) && fragment !== undefined && isSegment(fragment);
      return right ? { store: "k8s", alias, name, key: fragment } : undefined;
    }
    default:
      return undefined;
  }
}

function fileReference(address: string, key: string | undefined): SecretReference | undefined {
  const [alias = "", ...path] = address.split("/");
  if (path.length === 0 || path.length > segmentsMax || ![alias, ...path].every(isSegment)) return undefined;
  if (key === undefined) return { store: "file", alias, path };
  return isSegment(key) ? { store: "file", alias, path, key } : undefined;
}

function vaultReference(address: string, fragment: string | undefined): SecretReference | undefined {
  const [alias = "", mount = "", ...path] = address.split("/");
  if (path.length === 0 || path.length > segmentsMax || ![alias, mount, ...path].every(isSegment)) return undefined;
  const [key = "", version, ...more] = (fragment ?? "").split("@");
  if (more.length > 0 || !isSegment(key)) return undefined;
  if (version === undefined) return { store: "vault", alias, mount, path, key };
  return /^[1-9]\d{0,8}$/.test(version)
    ? { store: "vault", alias, mount, path, key, version: Number(version) }
    : undefined;
}
