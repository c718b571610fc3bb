// Values of PostgreSQL as JSON. Nothing is rounded and no time zone is guessed: what JSON has no type for is the text that
// the database wrote.
import pg from "pg";
import type { Cell } from "./sql-result.ts";

type Parser = (text: string) => Cell;

const whole: Parser = (text) => {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
};
const real: Parser = (text) => {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
};
const asIs: Parser = (text) => text;
const json: Parser = (text) => JSON.parse(text) as Cell; // JSON by the database
/** `2026-11-28 03:00:00.5+00` → `2026-11-28T03:00:00.5+00:00`; `infinity` and years before Christ stay as they are. */
const moment: Parser = (text) => {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:([+-]\d\d)(:\d\d)?)?$/.exec(text);
  if (match === null) return text;
  const [, day = "", time = "", hours, minutes = ":00"] = match;
  return `${day}T${time}${hours === undefined ? "" : hours === "+00" && minutes === ":00" ? "Z" : `${hours}${minutes}`}`;
};

const scalars = new Map<number, Parser>([
  [16, (text) => text === "t"],
  [20, whole],
  [21, whole],
  [23, whole],
  [26, whole],
  [700, real],
  [701, real],
  [114, json],
  [3802, json],
  [1114, moment],
  [1184, moment],
]);

/** Type of an array → type of its elements. */
const arrays = new Map<number, number>([
  [1000, 16],
  [1005, 21],
  [1007, 23],
  [1016, 20],
  [1021, 700],
  [1022, 701],
  [1009, 25],
  [1015, 25],
  [1231, 25],
  [2951, 25],
  [1182, 25],
  [1115, 1114],
  [1185, 1184],
  [199, 114],
  [3807, 3802],
]);
/** `text[]`; the driver lists types of its own, and this one is not among them. */
const textArray = 1009 as Parameters<typeof pg.types.getTypeParser>[0];

function elements(value: unknown, parse: Parser): Cell {
  if (Array.isArray(value)) return value.map((item: unknown) => elements(item, parse));
  return typeof value === "string" ? parse(value) : null;
}

/** The parser of a type by its number in `pg_type`. */
export function parserOf(oid: number): Parser {
  const element = arrays.get(oid);
  if (element === undefined) return scalars.get(oid) ?? asIs;
  const parse = scalars.get(element) ?? asIs;
  const split = pg.types.getTypeParser(textArray);
  return (text) => elements(split(text), parse);
}
