// The statements that matter, one file each, read once at start. A name here is a file in ./sql.
import { readFileSync } from "node:fs";

const cache = new Map<string, string>();

/** Text of `sql/<name>.sql`. Throws at the first use of a name that does not exist, which is at start. */
export function sql(name: string): string {
  let text = cache.get(name);
  if (text === undefined) {
    text = readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), "utf8");
    cache.set(name, text);
  }
  return text;
}

/** A named (prepared) statement for `pg`: parsed once per connection. */
export const statement = (name: string, values: unknown[]): { name: string; text: string; values: unknown[] } => ({
  name,
  text: sql(name),
  values,
});
