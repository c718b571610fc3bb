// What the rows of a batch consist of: one table of columns per part of the commit statement that reads rows by the
// hundred. A new column is a line here, a value in `batch.ts` and its use in `database/sql/commit-batch.sql`.
// Keys are short because the statement names them often: p project, r run, o position everywhere.
// The database's side is made from this table when a connection is opened (`database/row-types.ts`), so two replicas of
// different versions never have to agree on it.

interface ColumnValues {
  readonly bool: boolean;
  readonly int2: number;
  readonly int4: number;
  readonly int8: number;
  readonly float8: number;
  readonly uuid: string;
  readonly text: string;
  readonly json: unknown;
  readonly jsonb: unknown;
  /** Unix ms. */
  readonly timestamptz: number;
}

export type ColumnType = keyof ColumnValues;
export type Columns = Readonly<Record<string, ColumnType>>;

export const batchColumns = {
  starts: {
    p: "uuid",
    r: "uuid",
    w: "uuid",
    wn: "text",
    nu: "int8",
    d: "text",
    s: "text",
    es: "int4",
    pr: "int2",
    inp: "jsonb",
    lab: "jsonb",
    tr: "jsonb",
    og: "jsonb",
    pa: "jsonb",
    cr: "timestamptz",
    st: "timestamptz",
    en: "timestamptz",
    dl: "timestamptz",
    ou: "jsonb",
    f: "jsonb",
    ca: "text",
    ke: "text",
    rq: "text",
    cw: "uuid",
    co: "int4",
    ck: "text",
    ord: "int4",
    it: "json",
  },
  advances: {
    p: "uuid",
    r: "uuid",
    v: "int4",
    s: "text",
    es: "int4",
    st: "timestamptz",
    en: "timestamptz",
    cn: "jsonb",
    ou: "jsonb",
    f: "jsonb",
    fs: "int4",
    h: "timestamptz",
    it: "json",
    pa: "jsonb",
    la: "jsonb",
    dl: "timestamptz",
  },
  tasks: {
    n: "bool",
    p: "uuid",
    r: "uuid",
    o: "int4",
    i: "uuid",
    k: "text",
    s: "text",
    e: "int8",
    a: "int4",
    c: "jsonb",
    at: "uuid",
    ag: "uuid",
    cr: "timestamptz",
    q: "timestamptz",
    st: "timestamptz",
    en: "timestamptz",
    du: "timestamptz",
    ou: "jsonb",
    f: "jsonb",
    re: "jsonb",
    it: "json",
  },
  attempts: {
    n: "bool",
    p: "uuid",
    r: "uuid",
    o: "int4",
    i: "uuid",
    nu: "int4",
    e: "int8",
    ag: "uuid",
    se: "int8",
    s: "text",
    of: "timestamptz",
    st: "timestamptz",
    en: "timestamptz",
    f: "jsonb",
    re: "jsonb",
    sq: "int8",
    l: "int8",
    b: "timestamptz",
  },
  queue: {
    d: "bool",
    p: "uuid",
    r: "uuid",
    o: "int4",
    l: "uuid",
    pr: "int2",
    pa: "float8",
    le: "int8",
    q: "timestamptz",
    av: "json",
  },
  timers: {
    p: "uuid",
    r: "uuid",
    o: "int4",
    k: "text",
    du: "timestamptz",
    tr: "uuid",
    b: "jsonb",
    aw: "text",
  },
} as const satisfies Readonly<Record<string, Columns>>;

export type RowPart = keyof typeof batchColumns;

/** A row of a part. What is absent or undefined is NULL. */
export type BatchRow<P extends RowPart> = {
  readonly [K in keyof (typeof batchColumns)[P]]?: (typeof batchColumns)[P][K] extends infer T extends ColumnType
    ? ColumnValues[T] | undefined
    : never;
};
