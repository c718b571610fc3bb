// A key of the workflow language by its path, from the JSON Schema: `tasks.retry`, `triggers.webhook.verify`.
// Names that a user chooses (of a task, an input) are left out of a path.
import { hookWords, taskWords, topLevelWords, type JsonObject, type JsonValue } from "@capstan/proto";

/** What a path of the language leads to. */
export interface SchemaPlace {
  readonly path: string;
  readonly type: string;
  readonly meaning: string;
  readonly isRequired: boolean;
  /** Bounds and forms of a value, in words. */
  readonly rules: readonly string[];
  readonly keys: readonly SchemaKey[];
}

export interface SchemaKey {
  readonly key: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly meaning: string;
}

/** A path that leads nowhere: where it ended, and the keys that are there. */
export interface NoSchemaPlace {
  readonly before: string;
  readonly wrong: string;
  readonly known: readonly string[];
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const objects = (value: JsonValue | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

class Reader {
  readonly #definitions: JsonObject;

  constructor(root: JsonObject) {
    const found = root["definitions"];
    this.#definitions = isObject(found) ? found : {};
  }

  /** The schema itself, and all that it may be instead: behind references, unions and `allOf`. */
  forms(schema: JsonObject): JsonObject[] {
    const name = typeof schema["$ref"] === "string" ? schema["$ref"].replace("#/definitions/", "") : undefined;
    const target = name === undefined ? undefined : this.#definitions[name];
    if (isObject(target)) return this.forms(target);
    const inner = [...objects(schema["anyOf"]), ...objects(schema["oneOf"]), ...objects(schema["allOf"])];
    return inner.length === 0 ? [schema] : inner.flatMap((one) => this.forms(one));
  }

  /** The maps with keys that may stand here; those of a list's items and of a map by name stand for it. */
  maps(schema: JsonObject): JsonObject[] {
    return this.forms(schema).flatMap((form) => {
      if (isObject(form["properties"])) return [form];
      const inner = form["type"] === "array" ? form["items"] : form["additionalProperties"];
      return isObject(inner) ? this.maps(inner) : [];
    });
  }

  type(schema: JsonObject): string {
    const words = this.forms(schema).map((form) => {
      if (form["const"] !== undefined) return JSON.stringify(form["const"]);
      if (Array.isArray(form["enum"])) return form["enum"].map((value) => JSON.stringify(value)).join(" ");
      if (form["type"] === "array") {
        const items = isObject(form["items"]) ? this.type(form["items"]) : "";
        return items === "" ? "list" : `list of ${items.includes(" or ") ? "these" : items}`;
      }
      if (form["type"] === "object") return isObject(form["properties"]) ? "map" : "map by name";
      return typeof form["type"] === "string" ? form["type"] : "";
    });
    return [...new Set(words)].filter((word) => word !== "" && word !== "null").join(" or ") || "any value";
  }

  rules(schema: JsonObject): string[] {
    const named: readonly (readonly [string, string])[] = [
      ["pattern", "form"],
      ["minimum", "at least"],
      ["maximum", "at most"],
      ["minLength", "characters at least"],
      ["maxLength", "characters at most"],
      ["minItems", "items at least"],
      ["maxItems", "items at most"],
      ["default", "unless said"],
    ];
    const found = this.forms(schema).flatMap((form) =>
      named.flatMap(([key, word]) => (form[key] === undefined ? [] : [`${word} ${String(form[key])}`])),
    );
    return [...new Set(found)];
  }
}

/** Words there are for the first two levels; deeper keys are told by type and form. */
function meaningOf(path: readonly string[]): string {
  const [first = "", second = "", ...rest] = path;
  const tables: readonly Readonly<Record<string, string>>[] =
    second === "" ? [topLevelWords] : first === "hooks" ? [hookWords] : [taskWords];
  const key = second === "" ? first : second;
  const isWorded = rest.length === 0 && (second === "" || ["tasks", "defaults", "hooks"].includes(first));
  const [table = {}] = tables;
  return isWorded && Object.hasOwn(table, key) ? (table[key] ?? "") : "";
}

/** Follows a path such as `tasks.retry`. An empty one is the whole document. */
export function schemaPlace(root: JsonObject, path: string): SchemaPlace | NoSchemaPlace {
  const reader = new Reader(root);
  const steps = path.split(".").filter((step) => step !== "");
  let at: JsonObject[] = [root];
  let isRequired = true;
  for (const [index, step] of steps.entries()) {
    const maps = at.flatMap((schema) => reader.maps(schema));
    const found = maps.filter((map) => isObject(map["properties"]) && Object.hasOwn(map["properties"], step));
    if (found.length === 0) {
      const known = [
        ...new Set(maps.flatMap((map) => Object.keys(isObject(map["properties"]) ? map["properties"] : {}))),
      ];
      return { before: steps.slice(0, index).join("."), wrong: step, known };
    }
    isRequired = found.every((map) => Array.isArray(map["required"]) && map["required"].includes(step));
    at = found.flatMap((map) => {
      const next = isObject(map["properties"]) ? map["properties"][step] : undefined;
      return isObject(next) ? [next] : [];
    });
  }
  const keys = new Map<string, SchemaKey>();
  for (const map of at.flatMap((schema) => reader.maps(schema))) {
    const required: readonly JsonValue[] = Array.isArray(map["required"]) ? map["required"] : [];
    for (const [key, schema] of Object.entries(isObject(map["properties"]) ? map["properties"] : {})) {
      if (!isObject(schema) || keys.has(key)) continue;
      keys.set(key, {
        key,
        type: reader.type(schema),
        isRequired: required.includes(key),
        meaning: meaningOf([...steps, key]),
      });
    }
  }
  const types = [...new Set(at.map((schema) => reader.type(schema)))].join(" or ");
  return {
    path: steps.join("."),
    type: types,
    meaning: meaningOf(steps),
    isRequired,
    rules: [...new Set(at.flatMap((schema) => reader.rules(schema)))],
    keys: [...keys.values()],
  };
}
