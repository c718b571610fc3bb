// TypeScript workflows: bundled with all that they import, evaluated, and bundled again for the agents where tasks of
// theirs are functions of the file.
//  T1. The agents' bundle is one ESM file that exports each function by the id of its task. Its name is its SHA-256.
//  T2. Equal sources give equal bytes on any machine: no path outside of the author's folder is in them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { BuildFailure, BuildOptions, Plugin } from "esbuild";
import type { Problem } from "@capstan/proto";
import { z } from "zod";
import {
  builtSchema,
  documentText,
  endedWithout,
  inTemporaryFolder,
  isOurs,
  placeSchema,
  readOutcome,
  refused,
  runProgram,
  sdkProgram,
  shownPath,
  type BuiltSource,
} from "./front-end.ts";

const outcomeSchema = z.union([
  z.object({ built: builtSchema.extend({ entries: z.array(z.string()) }) }),
  z.object({ wrong: z.object({ code: z.string(), message: z.string(), places: z.array(placeSchema) }) }),
]);

/** Folder of the agents' bundle within the code bundle. */
const bundleFolder = "capstan-bundle";
const mapComment = (map: object): string =>
  `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}\n`;
const emptyMap = mapComment({ version: 3, sources: ["package"], names: [], mappings: "AAAA" });

/** Lines of packages are not mapped: their maps would be larger than the code. */
const unmapped: Plugin = {
  name: "unmapped",
  setup: (build) => {
    build.onLoad({ filter: /\.[cm]?[jt]s$/ }, ({ path }) => {
      if (!isOurs(path)) return undefined;
      const loader = extname(path).endsWith("ts") ? "ts" : "js";
      return { contents: readFileSync(path, "utf8") + emptyMap, loader };
    });
  },
};

/** The authoring package: the author's own where there is one, else the one that this command line came with. */
const authoring: Plugin = {
  name: "authoring",
  setup: (build) => {
    build.onResolve({ filter: /^@capstan\/sdk$/ }, async ({ importer, resolveDir, kind, pluginData }) => {
      if (pluginData === authoring) return undefined;
      const own = sdkProgram("index");
      if (own.endsWith(".ts")) return { path: own };
      const found = await build.resolve("@capstan/sdk", { importer, resolveDir, kind, pluginData: authoring });
      return found.errors.length === 0 ? found : { path: own };
    });
  },
};

const requireBanner =
  'import { createRequire as capstanRequire } from "node:module"; globalThis.require ??= capstanRequire(import.meta.url);';

async function bundle(root: string, options: BuildOptions): Promise<string> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node24",
    external: ["*.node"],
    banner: { js: requireBanner },
    sourcemap: "external",
    sourcesContent: false,
    legalComments: "none",
    minifyWhitespace: true,
    logLevel: "silent",
    plugins: [authoring, unmapped],
    ...options,
  });
  const textOf = (ending: string): string => outputFiles?.find((file) => file.path.endsWith(ending))?.text ?? "";
  const map = mapSchema.parse(JSON.parse(textOf(".map")));
  // Where packages lie differs from machine to machine.
  const sources = map.sources.map((source) => (/^\.\.\/\.\.|node_modules/.test(source) ? "package" : source));
  return textOf(".mjs") + mapComment({ ...map, sources });
}

const mapSchema = z.looseObject({ sources: z.array(z.string()) });

const isBuildFailure = (error: unknown): error is BuildFailure =>
  error instanceof Error && "errors" in error && Array.isArray(error.errors);

/** What the bundler found wrong, at its places. */
function problemsOf(error: unknown, file: string, root: string, cwd: string): Problem[] {
  if (!isBuildFailure(error)) throw error;
  return error.errors.map(({ text, location }) => ({
    code: "build_failed",
    severity: "error",
    detail: text,
    file: location === null ? file : shownPath(join(root, location.file), cwd),
    ...(location === null ? {} : { line: location.line, column: location.column + 1 }),
  }));
}

/**
 * Builds a TypeScript workflow.
 * @param root folder from which paths in the bundle count
 */
export async function buildTypeScript(path: string, root: string, cwd: string): Promise<BuiltSource> {
  const file = shownPath(path, cwd);
  const problem = (code: string, detail: string, place?: z.infer<typeof placeSchema>): Problem => ({
    code,
    detail,
    severity: "error",
    file: place === undefined ? file : shownPath(place.file, cwd),
    ...(place === undefined ? {} : { line: place.line, column: place.column }),
  });
  return inTemporaryFolder(async (folder) => {
    const module = join(folder, `${basename(path, extname(path))}.mjs`);
    try {
      const text = await bundle(root, { entryPoints: [path], outfile: module });
      const { writeFileSync } = await import("node:fs");
      writeFileSync(module, text);
    } catch (error) {
      return refused(problemsOf(error, file, root, cwd));
    }
    const target = join(folder, "outcome.json");
    const args = [
      "--enable-source-maps",
      "--disable-warning=ExperimentalWarning",
      sdkProgram("evaluate"),
      module,
      target,
    ];
    const ended = await runProgram(process.execPath, args, { cwd: root });
    const outcome = outcomeSchema.safeParse(readOutcome(target));
    if (!outcome.success) return refused([problem("build_failed", endedWithout(ended, file))]);
    if ("wrong" in outcome.data) {
      const { code, message, places } = outcome.data.wrong;
      const place = places.find((one) => !isOurs(one.file) && !one.file.startsWith(folder));
      return refused([problem(code, message, place)]);
    }
    const { document, places, entries } = outcome.data.built;
    if (entries.length === 0) return { text: documentText(document), places, problems: [], bundled: [] };
    const code = await bundleEntries(path, root, entries);
    const name = `${bundleFolder}/${createHash("sha256").update(code).digest("hex")}.mjs`;
    return {
      text: documentText(withEntries(document, name, new Set(entries))),
      places,
      problems: [],
      bundled: [{ path: name, executable: false, content: Buffer.from(code) }],
    };
  });
}

/** One module that exports each function by the id of its task. */
function bundleEntries(path: string, root: string, entries: readonly string[]): Promise<string> {
  const lines = [
    `import * as module from ${JSON.stringify(`./${basename(path)}`)};`,
    'const mark = Symbol.for("capstan.workflow");',
    'const isWorkflow = (value) => typeof value === "object" && value !== null && mark in value;',
    "const workflow = isWorkflow(module.default) ? module.default : Object.values(module).find(isWorkflow);",
    ...entries.map((id, i) => `const task${i} = (call) => workflow.entry(${JSON.stringify(id)})(call);`),
    `export { ${entries.map((id, i) => `task${i} as ${JSON.stringify(id)}`).join(", ")} };`,
  ];
  return bundle(root, {
    stdin: {
      contents: lines.join("\n"),
      resolveDir: dirname(path),
      sourcefile: join(dirname(path), "entries.js"),
      loader: "js",
    },
    // Sources are named from here, so that they lie in the folder of the code on an agent.
    outfile: join(root, bundleFolder, "bundle.mjs"),
  });
}

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** The document with the name of its bundle. */
function withEntries(document: Json, name: string, entries: ReadonlySet<string>): Json {
  const tasks = isMap(document["tasks"]) ? document["tasks"] : {};
  const named = Object.entries(tasks).map(([id, task]) =>
    entries.has(id) && isMap(task) && isMap(task["node"])
      ? [id, { ...task, node: { ...task["node"], entry: `${name}#${id}` } }]
      : [id, task],
  );
  return { ...document, tasks: Object.fromEntries(named) as Json };
}
