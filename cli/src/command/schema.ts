import { Argument, type Command } from "commander";
import { AppError, sendEventBodySchema, workflowJsonSchema, type JsonObject } from "@capstan/proto";
import { z } from "zod";
import type { Context } from "../context.ts";
import { printable } from "../output/table.ts";
import { schemaPlace, type SchemaPlace } from "../schema-path.ts";
import { settingsSchema } from "../settings.ts";
import { didYouMean } from "../suggestion.ts";

const schemas = {
  workflow: () => workflowJsonSchema(),
  event: () => ({ ...toJson(sendEventBodySchema), title: "Capstan event, as events send takes it" }),
  config: () => ({ ...toJson(settingsSchema), title: "Capstan command line, config.toml" }),
} as const satisfies Readonly<Record<string, () => JsonObject>>;
type Name = keyof typeof schemas;

const toJson = (schema: z.ZodType): JsonObject =>
  z.toJSONSchema(schema, { target: "draft-7", io: "input", unrepresentable: "any" }) as JsonObject; // a JSON Schema is JSON

/** `capstan schema`: the JSON Schema of a file, for editors and programs. */
export function registerSchema(program: Command, context: (command: Command) => Context): void {
  program
    .command("schema")
    .summary("print the JSON Schema of workflow files, of events, or of the configuration")
    .addArgument(
      new Argument("[of]", "workflow (a file of the language), event, or config (config.toml)")
        .choices(Object.keys(schemas))
        .default("workflow"),
    )
    .addHelpText("before", "Examples:\n  capstan schema > workflow-v1.json\n  capstan schema event\n")
    .action((of: Name, _: unknown, command: Command) => {
      const { out } = context(command);
      const schema = schemas[of]();
      out.one(schema, of, () => `${JSON.stringify(schema, null, 2)}\n`);
    });
}

/** What `capstan explain --schema PATH` says of a key. @throws usage for a path that leads nowhere, with the nearest key */
export function explainSchema(ctx: Context, path: string): void {
  const place = schemaPlace(workflowJsonSchema(), path);
  if ("wrong" in place) {
    const where = place.before === "" ? "a workflow" : place.before;
    const known = place.known.length === 0 ? " It has no keys of its own." : "";
    throw new AppError("usage", `${where} has no key ${place.wrong}.${didYouMean(place.wrong, place.known)}${known}`);
  }
  ctx.out.one(place, place.path, () => placeText(place));
}

function placeText({ path, type, meaning, isRequired, rules, keys }: SchemaPlace): string {
  const head = path === "" ? "a workflow: map" : `${path}: ${type}${isRequired ? ", required" : ""}`;
  const width = Math.max(0, ...keys.map((one) => one.key.length));
  const lines = keys.map((one) => {
    const about = one.meaning === "" ? one.type : one.meaning;
    return `  ${one.key.padEnd(width)}  ${about}${one.isRequired ? " Required." : ""}`.trimEnd();
  });
  return [head, ...[meaning, ...rules].filter((line) => line !== "").map((line) => `  ${line}`), ...lines]
    .map(printable)
    .join("\n")
    .concat("\n");
}
