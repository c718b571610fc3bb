// Whether the type of an expression suits the field that it fills.

/** What a field takes: any JSON, text, text or a list of it, a whole number, a value for the environment, a list. */
export type Wanted = "any" | "text" | "texts" | "integer" | "env" | "list";

const textTypes: ReadonlySet<string> = new Set([
  "string",
  "int",
  "double",
  "bool",
  "dyn",
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "Secret",
]);
const plainType = (type: string): string => /^optional<(.*)>$/.exec(type)?.[1] ?? type;

export function partProblem(type: string): string | undefined {
  const plain = plainType(type);
  // A secret within a text has been reported already, by what it is.
  return textTypes.has(plain) ? undefined : `${plain} cannot stand within a text`;
}

export function wholeProblem(type: string, wanted: Wanted): string | undefined {
  const plain = plainType(type);
  if (wanted === "any" || plain === "dyn") return undefined;
  if (wanted === "integer") return plain === "int" ? undefined : `a whole number is needed here, not ${plain}`;
  if (wanted === "list") return plain.startsWith("list") ? undefined : `a list is needed here, not ${plain}`;
  if (wanted === "texts" && plain.startsWith("list")) return undefined;
  if (wanted === "env" && plain === "File") return undefined;
  return textTypes.has(plain) ? undefined : `text is needed here, not ${plain}; toJSON(x) makes one`;
}
