// The composite types that the commit statement's rows arrive as. They are made anew in the temporary schema of each hot
// connection, from the same table of columns that the encoder reads: a type of the schema would bind every replica,
// while one version replaces the other, to the same columns.
import type pg from "pg";
import { batchColumns, type RowPart } from "../commit/batch-columns.ts";
import { BinaryRows } from "./binary-rows.ts";

export const isRowPart = (name: string): name is RowPart => Object.hasOwn(batchColumns, name);
export const rowParts: readonly RowPart[] = Object.keys(batchColumns).filter(isRowPart);

/** One encoder per part. */
export const encoders = byPart((part) => new BinaryRows(batchColumns[part]));

/** The type's name in a statement. */
export const rowTypeName = (part: string): string => `pg_temp.capstan_${part}`;

/** Object ids of the row types of one connection. */
type RowTypes = Readonly<Record<RowPart, number>>;

const known = new WeakMap<pg.ClientBase, RowTypes>();

/** The row types of a connection; makes them at its first use. */
export async function rowTypesOf(client: pg.ClientBase): Promise<RowTypes> {
  const earlier = known.get(client);
  if (earlier !== undefined) return earlier;
  await client.query(rowParts.map(createType).join(";"));
  const found = await client.query<{ oid: number }>(
    "SELECT name::regtype::oid::int8::float8 AS oid FROM unnest($1::text[]) WITH ORDINALITY AS t(name, n) ORDER BY n",
    [rowParts.map(rowTypeName)],
  );
  const types = byPart((part) => found.rows[rowParts.indexOf(part)]?.oid ?? 0);
  known.set(client, types);
  return types;
}

function createType(part: RowPart): string {
  const columns = Object.entries(batchColumns[part]).map(([name, type]) => `"${name}" ${type}`);
  return `CREATE TYPE ${rowTypeName(part)} AS (${columns.join(", ")})`;
}

function byPart<V>(make: (part: RowPart) => V): Readonly<Record<RowPart, V>> {
  const all = Object.fromEntries(rowParts.map((part) => [part, make(part)]));
  return all as Readonly<Record<RowPart, V>>; // exactly the parts, from the list of them
}
