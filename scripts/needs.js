// What the second tier of the tests needs from the host, where it is, and how to get it.
import { existsSync, readdirSync } from "fs";
import path from "path";

/** Folder of the programs of the oldest PostgreSQL from 15 on that is not the one we carry. */
function systemPostgres() {
  const base = "/usr/lib/postgresql";
  if (!existsSync(base)) return undefined;
  const versions = readdirSync(base)
    .map(Number)
    .filter((version) => version >= 15 && version < 18)
    .sort((a, b) => a - b);
  return versions
    .map((version) => path.join(base, String(version), "bin"))
    .find((bin) => existsSync(path.join(bin, "postgres")));
}

/** Paths of what was found, and what is missing with the suite that is then not exercised. */
export function readNeeds() {
  const found = { postgres: systemPostgres() };
  const all = [{ name: "postgres", suite: "database tests on PostgreSQL 15", how: "apt-get install postgresql-15" }];
  return Object.assign({ missing: all.filter((need) => !found[need.name]) }, found);
}
