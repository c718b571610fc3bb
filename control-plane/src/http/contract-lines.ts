// What a version of the API promises, one line for each promise: `docs/reference/contract-v1.txt`. Lines are only ever added:
// a field, a route or a value of a request that goes, or something that becomes necessary, takes its line with it.
type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const members = (value: unknown): [string, Json][] =>
  isObject(value) ? Object.entries(value).filter((entry): entry is [string, Json] => isObject(entry[1])) : [];
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const enough = " is enough with: ";

/** Promises that a document does not keep any more. That fewer fields are needed than before breaks nobody. */
export function brokenPromises(promised: readonly string[], document: Json): readonly string[] {
  const now = contractLines(document);
  const kept = new Set(now);
  return promised.filter((line) => {
    if (kept.has(line)) return false;
    const [place = "", fields] = line.split(enough);
    if (fields === undefined) return true;
    const known = fields.split(" ");
    return !now.some((other) => {
      const [at, needed] = other.split(enough);
      return at === place && needed?.split(" ").every((field) => field === "" || known.includes(field)) === true;
    });
  });
}

/** Every promise of an OpenAPI document, sorted. */
export function contractLines(document: Json): readonly string[] {
  const lines = new Set<string>();
  for (const [path, item] of members(document["paths"])) {
    for (const [method, operation] of members(item)) {
      const route = `${method.toUpperCase()} ${path}`;
      lines.add(route);
      for (const parameter of list(operation["parameters"]).filter(isObject)) {
        const { in: place, name, required, schema } = parameter;
        const at = `${route} takes ${String(place)} ${String(name)}`;
        lines.add(at);
        if (required !== true) lines.add(`${at}, or not`);
        if (isObject(schema)) for (const line of requestLines(schema, "")) lines.add(`${at} ${line}`);
      }
      for (const [type, { schema }] of contentOf(operation["requestBody"])) {
        lines.add(`${route} takes ${type}`);
        if (isObject(schema)) for (const line of requestLines(schema, "")) lines.add(`${route} takes body ${line}`);
      }
      for (const [status, answer] of members(operation["responses"])) {
        if (!status.startsWith("2")) continue;
        lines.add(`${route} answers ${status}`);
        for (const [type, { schema }] of contentOf(answer)) {
          lines.add(`${route} answers ${type}`);
          if (isObject(schema)) for (const line of answerLines(schema, "")) lines.add(`${route} answers ${line}`);
        }
      }
    }
  }
  return [...lines].toSorted(inOrder);
}

const contentOf = (value: unknown): [string, Json][] => (isObject(value) ? members(value["content"]) : []);

/** Fields within a schema: objects, lists (`/*`), maps (`/*`) and alternatives. */
function* parts(schema: Json, pointer: string): Generator<[string, Json, isRequired: boolean]> {
  const required = list(schema["required"]);
  for (const [name, child] of members(schema["properties"]))
    yield [`${pointer}/${name}`, child, required.includes(name)];
  for (const key of ["items", "additionalProperties"]) {
    const child = schema[key];
    if (isObject(child)) yield [`${pointer}/*`, child, false];
  }
  for (const key of ["anyOf", "oneOf", "allOf"])
    for (const child of list(schema[key])) if (isObject(child)) yield [pointer, child, false];
}

const typeOf = ({ type, $ref }: Json): string =>
  typeof $ref === "string"
    ? $ref.replace(/^.*\//, "")
    : list(type).length > 0
      ? list(type).join("|")
      : typeof type === "string"
        ? type
        : "";

function* answerLines(schema: Json, pointer: string): Generator<string> {
  const type = typeOf(schema);
  if (type !== "") yield `${pointer === "" ? "/" : pointer} ${type}`;
  for (const [at, child] of parts(schema, pointer)) yield* answerLines(child, at);
}

function* requestLines(schema: Json, pointer: string): Generator<string> {
  const place = pointer === "" ? "/" : pointer;
  const type = typeOf(schema);
  if (type !== "") yield `${place} ${type}`;
  if (isObject(schema["properties"]))
    yield `${place}${enough}${list(schema["required"]).map(String).toSorted(inOrder).join(" ")}`;
  for (const value of list(schema["enum"])) yield `${place} = ${JSON.stringify(value)}`;
  for (const [at, child, isRequired] of parts(schema, pointer)) {
    if (at !== pointer && !isRequired && !at.endsWith("/*")) yield `${at}, or not`;
    yield* requestLines(child, at);
  }
}
