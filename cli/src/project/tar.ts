// A tar archive (POSIX ustar) that depends on its files alone: sorted, no times, no owners, so equal code has one hash.
import { AppError } from "@capstan/proto";

export interface TarFile {
  /** From the root of the archive, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable: boolean;
}

const blockBytes = 512;

/** A path as ustar keeps it: a name of 100 bytes and, before a slash, a prefix of 155. */
function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  throw new AppError("file_unreadable", `the path ${path} is too long for a code bundle (255 bytes)`);
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");

function header(file: TarFile): Buffer {
  const block = Buffer.alloc(blockBytes);
  const { name, prefix } = splitPath(file.path);
  block.write(name, 0);
  block.write(octal(file.isExecutable ? 0o755 : 0o644, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(file.bytes.length, 11), 124);
  block.write(octal(0, 11), 136);
  block.write("        ", 148); // the checksum counts itself as blanks
  block.write("0", 156);
  block.write("ustar\u000000", 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\u0000 `, 148);
  return block;
}

/** The archive of some files, in the order of their paths' bytes. */
export function tar(files: readonly TarFile[]): Buffer {
  const sorted = [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const parts = sorted.flatMap((file) => [
    header(file),
    file.bytes,
    Buffer.alloc((blockBytes - (file.bytes.length % blockBytes)) % blockBytes),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}
