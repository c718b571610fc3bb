// The keys of a workflow document, from the JSON Schema that editors use.
import { code, heading, table } from "./page.js";
import { hookWords, taskWords, topLevelWords } from "../../proto/src/workflow/key-words.ts";

function typeOf(schema, definitions) {
  if (schema.$ref) return typeOf(definitions[schema.$ref.replace(/^#\/(definitions|\$defs)\//, "")] ?? {}, definitions);
  if (schema.allOf?.length === 1) return typeOf(schema.allOf[0], definitions);
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum) return schema.enum.map((value) => code(JSON.stringify(value))).join(" ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map((choice) => typeOf(choice, definitions)).filter(Boolean))].join(" or ");
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  if (schema.type === "array")
    return schema.items && !Array.isArray(schema.items)
      ? `list of ${typeOf(schema.items, definitions) || "values"}`
      : "list";
  if (schema.type === "object") return schema.properties ? "map" : "map by name";
  return schema.type ?? "";
}

function keys(title, schema, words, definitions) {
  const required = new Set(schema.required ?? []);
  const names = Object.keys(schema.properties ?? {});
  const apart = [
    ...names.filter((name) => !(name in words)),
    ...Object.keys(words).filter((name) => !names.includes(name)),
  ];
  if (apart.length > 0)
    throw new Error(`proto/src/workflow/key-words.ts and the schema differ at ${title}: ${apart.join(", ")}`);
  return names.map((name) => [
    code(name),
    required.has(name) ? "yes" : "",
    typeOf(schema.properties[name], definitions),
    words[name],
  ]);
}

/** The first schema with properties behind references, unions and maps. */
function objectIn(schema, definitions) {
  if (!schema) return undefined;
  if (schema.$ref) return objectIn(definitions[schema.$ref.replace(/^#\/(definitions|\$defs)\//, "")], definitions);
  if (schema.properties) return schema;
  for (const inner of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]) {
    const found = objectIn(inner, definitions);
    if (found) return found;
  }
  return typeof schema.additionalProperties === "object"
    ? objectIn(schema.additionalProperties, definitions)
    : undefined;
}

export function specPage(schema) {
  const definitions = schema.definitions ?? schema.$defs ?? {};
  const top = objectIn(schema, definitions);
  const parts = [
    ["Top level", top, topLevelWords],
    ["A task", objectIn(top.properties.tasks, definitions), taskWords],
    ["Hooks", objectIn(top.properties.hooks, definitions), hookWords],
  ];
  const lead =
    "The keys of a workflow file, from the schema that checks it. As JSON Schema for editors: " +
    "[workflow-v1.json](workflow-v1.json). A key that is known and not executed in this release is refused when the " +
    "workflow is deployed, with the code [`not_supported`](errors.md#not_supported).";
  return [
    heading("Workflow file", lead),
    ...parts.map(
      ([title, part, words]) =>
        `## ${title}\n\n${table(["key", "required", "type", "meaning"], keys(title, part, words, definitions))}`,
    ),
  ].join("\n");
}
