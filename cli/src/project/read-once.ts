// Reading and checking a large workflow takes hundreds of milliseconds, and a command asks about the same text several times.
import { readWorkflow, type ReadWorkflow } from "@capstan/proto";

const read = new Map<string, ReadWorkflow>();
const textsMax = 500;

/** As `readWorkflow`, once for each text of this process. */
export function readOnce(text: string, file: string): ReadWorkflow {
  const key = `${file}\0${text}`;
  let found = read.get(key);
  if (found === undefined) {
    found = readWorkflow({ text, file });
    if (read.size >= textsMax) read.clear();
    read.set(key, found);
  }
  return found;
}
