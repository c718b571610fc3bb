// From the canonical task to values: expressions first, secrets after, and never the other way round.
//  R1. Expressions see marks (`{ "$secret": NAME }`), never values; marks are replaced when nothing is evaluated any more.
//  R2. Every value is masked before it is put anywhere.
//  R3. A mark stands alone: it is a whole value, so no text can have a secret glued into it by an expression.
import { AppError, type ExpressionContext, type JsonObject, type JsonValue } from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import type { ExecutorContext } from "../executor.ts";

export type SecretValues = ReadonlyMap<string, string>;
const noSecrets: SecretValues = new Map();

/** The expression context of an attempt: what the offer carries, and the attempt itself. */
export function contextOf(context: ExecutorContext): ExpressionContext {
  const { attempt } = context;
  return {
    ...attempt.inputs,
    attempt: { number: attempt.number, id: attempt.attempt, epoch: attempt.epoch },
  };
}

/** The NAME of a secret mark, or undefined for any other value. */
export const markOf = (value: JsonValue | undefined): string | undefined => {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, "$secret"))
    return undefined;
  const name = (value as JsonObject)["$secret"]; // an object, as just checked
  return typeof name === "string" ? name : undefined;
};

/** Adds the names of all marks in a tree. */
export function marksIn(value: JsonValue | undefined, names: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  const name = markOf(value);
  if (name !== undefined) {
    names.add(name);
    return;
  }
  for (const item of Array.isArray(value) ? (value as readonly JsonValue[]) : Object.values(value as JsonObject))
    marksIn(item, names); // Array.isArray does not narrow readonly arrays
}

/** Replaces each mark by its value. Only for what stays in this process. */
export function withSecrets(value: JsonValue, secrets: SecretValues): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  const name = markOf(value);
  if (name !== undefined) return secretOf(name, secrets);
  if (Array.isArray(value)) return value.map((item: JsonValue) => withSecrets(item, secrets));
  const object: Record<string, JsonValue> = {};
  for (const [key, item] of Object.entries(value as JsonObject)) object[key] = withSecrets(item, secrets); // not an array
  return object;
}

export function secretOf(name: string, secrets: SecretValues): string {
  const value = secrets.get(name);
  if (value === undefined) throw new AppError("secret_unavailable", `the workflow declares no secret ${name}`);
  return value;
}

/** Resolves and masks what the marks in `trees` name. */
export async function resolveMarks(
  trees: readonly (JsonValue | undefined)[],
  context: ExecutorContext,
  resolver: SecretResolver,
): Promise<SecretValues> {
  const names = new Set<string>();
  for (const tree of trees) marksIn(tree, names);
  if (names.size === 0) return noSecrets;
  const references: Record<string, string> = {};
  for (const name of names) {
    const declared = context.document.secrets;
    const reference = declared !== undefined && Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (reference === undefined || !context.attempt.secrets.includes(name)) {
      throw new AppError("policy_denied", `the secret ${name} is not among those that this task may read`, {
        evidence: { by: "project", rule: "secrets" },
      });
    }
    references[name] = reference;
  }
  const values = await resolver.resolve(references, context.signal);
  context.mask([...values.values()]);
  return values;
}
