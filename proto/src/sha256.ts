// SHA-256 in hex. The built-in module is asked for when it is needed, so that importing the contract in a browser,
// where nothing is hashed, does not drag it in.

/** Lower-case hex of the SHA-256 of UTF-8 text or bytes. Node only. */
export function sha256Hex(content: string | Uint8Array): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(content).digest("hex");
}
