// What holds the house together and lint cannot say, and the proof that lint says the rest.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { occurrences, root, sourcesBelow, type SourceFile } from "./support/sources.ts";

const packages = ["proto", "sdk", "control-plane", "agent", "cli", "web"];
const all = packages.flatMap((name) => sourcesBelow(`${name}/src`));

/** Patterns that must not occur, with a planted line each: a pattern that does not fire on it guards nothing. */
const forbidden: readonly { what: string; pattern: RegExp; planted: string; files: readonly SourceFile[] }[] = [
  {
    what: "a shell is never given a built string",
    pattern:
      /(?<![.\w])(exec|execSync)\(|child_process["'][^\n]*\bexec(Sync)?\b|\bexec(Sync)?\b[^\n]*child_process|shell:\s*true/,
    planted: `import { exec } from "node:child_process";`,
    files: all,
  },
  {
    what: "no text becomes code",
    pattern: /\beval\(|new Function\(|vm\.(runIn|compileFunction|Script)/,
    planted: `const f = new Function("return 1");`,
    files: all,
  },
  {
    what: "SQL is never built from values",
    // Statements may be put together from our own fragments (columns, conditions); a value is always a parameter. So
    // nothing is interpolated between quotes, concatenated, or taken from a request. `firstPrevious` is a constant.
    pattern:
      /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|VALUES)\b[^"]*('\$\{(?!firstPrevious\})|\$\{(body|query|params|request|input|value)\b|["'`]\s*\+\s*\w)/,
    planted: "await client.query(`SELECT * FROM runs WHERE id = '${id}'`);",
    files: sourcesBelow("control-plane/src").filter((file) => !file.path.includes("/migration/")),
  },
  {
    what: "the schema changes by migrations only",
    pattern: /synchronize:\s*true/,
    planted: "new DataSource({ synchronize: true });",
    files: all,
  },
  {
    what: "nothing is saved through TypeORM: statements write, repositories only read",
    pattern: /\.save\(|\.upsert\(|manager\.(insert|update|delete|remove|softRemove)\(/,
    planted: "await manager.save(row);",
    files: sourcesBelow("control-plane/src"),
  },
  {
    what: "the control plane connects to others through egress/ alone",
    pattern:
      /^import (?!type\b)[^;]*from "(?:undici|node:https|node:http2)"|^import \{[^}]*\b(?:request|get|Agent)\b[^}]*\} from "node:http"|^import \{[^}]*\b(?:connect|createConnection)\b[^}]*\} from "node:(?:net|tls)"/,
    planted: `import { request } from "undici";`,
    files: sourcesBelow("control-plane/src").filter((file) => !/\/(?:egress|console|testing)\//.test(file.path)),
  },
  {
    what: "the engine has no clock and no randomness",
    pattern: /\bDate\b|Math\.random|performance\.|process\.|setTimeout|setInterval/,
    planted: "const now = Date.now();",
    files: sourcesBelow("control-plane/src/engine"),
  },
  {
    what: "an agent listens on nothing but Unix sockets",
    pattern: /\.listen\((?!\s*[\w.]*([sS]ocket|[pP]ath)\w*[,)])|WebSocketServer|createSecureServer/,
    planted: "server.listen(0);",
    files: sourcesBelow("agent/src").filter((file) => !file.path.includes("/testing/")),
  },
  {
    what: "no machine path and no registry host",
    pattern: /(^|[^A-Za-z0-9_.~-])\/(work|farm)\/|https?:\/\/(registry|proxy|deb)\./,
    planted: `const folder = "/${"work"}/main";`,
    files: [
      ...all,
      ...sourcesBelow("scripts", { ending: /\.js$/ }),
      ...sourcesBelow("examples", { ending: /\.(mjs|yaml|py|md|json)$/ }),
    ],
  },
];

test.each(forbidden)("$what", ({ pattern, planted, files }) => {
  expect(occurrences([{ path: "planted.ts", text: planted }], pattern)).toHaveLength(1);
  expect(files.length).toBeGreaterThan(0);
  expect(occurrences(files, pattern)).toEqual([]);
});

test("no source file is longer than 450 lines, but for migrations", () => {
  const long = all
    .filter((file) => !file.path.includes("/migration/") && file.path !== "proto/src/console/routes.ts")
    .filter((file) => file.text.split("\n").length > 450)
    .map((file) => file.path);
  expect(long).toEqual([]);
});

test("file names are kebab-case and none is called utils, helpers, common, manager, data or info", () => {
  const wrong = all
    .map((file) => file.path)
    .filter((path) => {
      const names = path.split("/").slice(2);
      return names.some(
        (name) =>
          /^(utils?|helpers?|common|manager|data|info)(\.|$)/.test(name) ||
          // Next names its routes and parameters itself: [run], (signed-in), not-found.tsx.
          !/^([a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*|\[{1,2}[.a-z]+\]{1,2}|\([a-z-]+\)|_[a-z-]+)$/.test(name),
      );
    });
  expect(wrong).toEqual([]);
});

test("comments and pages name only pages and headings that exist", () => {
  const pages = sourcesBelow("docs", { ending: /\.md$/ });
  const headings = (page: SourceFile): readonly string[] =>
    [...page.text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? "");
  const named = [...all, ...sourcesBelow("control-plane/src", { ending: /\.sql$/ }), ...pages].flatMap((file) =>
    // A comment may break the line within the name of a heading.
    [
      ...file.text.replace(/\n\s*(\/\/|\*|--)\s*/g, " ").matchAll(/\b(docs\/[\w/-]+\.md)((?:,? (?:and )?"[^"\n]+")*)/g),
    ].map((match) => ({
      from: file.path,
      page: match[1] ?? "",
      wanted: [...(match[2] ?? "").matchAll(/"([^"]+)"/g)].map((one) => one[1] ?? ""),
    })),
  );
  expect(named.length).toBeGreaterThan(25);
  const wrong = named.flatMap(({ from, page, wanted }) => {
    const found = pages.find((one) => one.path === page);
    if (found === undefined) return [`${from}: ${page}`];
    return wanted
      .filter((heading) => !headings(found).includes(heading))
      .map((heading) => `${from}: ${page}, "${heading}"`);
  });
  expect(wrong).toEqual([]);
  const links = pages.flatMap((page) =>
    [...page.text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)]
      .filter((match) => !existsSync(join(root, dirname(page.path), match[1] ?? "")))
      .map((match) => `${page.path}: ${match[1]}`),
  );
  expect(links).toEqual([]);
});

// ── lint: each rule is seen to fire on a planted violation ──

const folder = mkdtempSync(join(tmpdir(), "capstan-lint-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const planted: readonly { path: string; text: string; rule: string }[] = [
  {
    path: "proto/src/a.ts",
    text: `import { readFileSync } from "node:fs";\nexport const a = readFileSync;`,
    rule: "no-restricted-imports",
  },
  {
    path: "proto/src/b.ts",
    text: `import { x } from "@capstan/agent";\nexport const b = x;`,
    rule: "no-restricted-imports",
  },
  { path: "sdk/src/a.ts", text: `import { x } from "capstan";\nexport const a = x;`, rule: "no-restricted-imports" },
  {
    path: "cli/src/a.ts",
    text: `import { x } from "@capstan/control-plane";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "cli/src/b.ts",
    text: `import { x } from "../../agent/src/agent.ts";\nexport const b = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "web/src/ui/a.ts",
    text: `import { x } from "../feature/run/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "web/src/lib/a.ts",
    text: `import { x } from "../ui/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "web/src/feature/run/a.ts",
    text: `import { x } from "../../app/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/engine/a.ts",
    text: `import pg from "pg";\nexport const a = pg;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/engine/b.ts",
    text: `import { x } from "../commit/x.ts";\nexport const b = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/engine/c.ts",
    text: `export const c = (): number => Date.now();`,
    rule: "no-restricted-globals",
  },
  {
    path: "control-plane/src/engine/d.ts",
    text: `export const d = (): number => Math.random();`,
    rule: "no-restricted-properties",
  },
  {
    path: "control-plane/src/engine/e.ts",
    text: `export const e = (): void => { console.log(1); };`,
    rule: "no-restricted-globals",
  },
  {
    path: "control-plane/src/commit/a.ts",
    text: `import { x } from "../gateway/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/run/a.ts",
    text: `import { x } from "../database/pool.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/run/b.ts",
    text: `import { x } from "../dispatch/x.ts";\nexport const b = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/audit/a.ts",
    text: `import { x } from "../run/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/gateway/a.ts",
    text: `import { x } from "../commit/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/trigger/a.ts",
    text: `import pg from "pg";\nexport const a = pg;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/trigger/b.ts",
    text: `import { x } from "../app.module.ts";\nexport const b = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "control-plane/src/workflow/b.ts",
    text: `export const found = () => fetch("https://example.org");`,
    rule: "no-restricted-globals",
  },
  {
    path: "control-plane/src/workflow/a.ts",
    text: `import { x } from "jose";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "agent/src/claim/a.ts",
    text: `import { x } from "../connection/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "agent/src/runner/a.ts",
    text: `import { x } from "../journal/x.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "agent/src/report/a.ts",
    text: `import { x } from "../agent.ts";\nexport const a = x;`,
    rule: "no-restricted-imports",
  },
  {
    path: "agent/src/secrets/a.ts",
    text: `import vault from "node-vault";\nexport const a = vault;`,
    rule: "no-restricted-imports",
  },
  {
    path: "agent/src/b.ts",
    text: `import { x } from "@marcbachmann/cel-js";\nexport const b = x;`,
    rule: "no-restricted-imports",
  },
  { path: "agent/src/env.ts", text: `export const home = process.env["HOME"];`, rule: "no-process-env" },
  { path: "agent/src/any.ts", text: `export const x = (y: any): unknown => y;`, rule: "no-explicit-any" },
  {
    path: "agent/src/bang.ts",
    text: `export const x = (y: string | undefined): string => y!;`,
    rule: "no-non-null-assertion",
  },
  { path: "agent/src/evil.ts", text: `export const x = (y: string): unknown => eval(y);`, rule: "no-eval" },
  { path: "agent/src/barrel.ts", text: `export * from "./any.ts";`, rule: "no-barrel-file" },
  { path: "agent/src/default.ts", text: `export default 1;`, rule: "no-default-export" },
  {
    path: "agent/src/floating.ts",
    text: `const f = async (): Promise<void> => undefined;\nexport const g = (): void => { f(); };`,
    rule: "no-floating-promises",
  },
  {
    path: "agent/src/switch.ts",
    text: `export const f = (s: "a" | "b"): number => { switch (s) { case "a": return 1; } return 2; };`,
    rule: "switch-exhaustiveness-check",
  },
  {
    path: "agent/src/ring-a.ts",
    text: `import { b } from "./ring-b.ts";\nexport const a = (): unknown => b;`,
    rule: "no-cycle",
  },
  {
    path: "agent/src/ring-b.ts",
    text: `import { a } from "./ring-a.ts";\nexport const b = (): unknown => a;`,
    rule: "no-cycle",
  },
  {
    path: "agent/src/only.test.ts",
    text: `import { test } from "vitest";\ntest.only("x", () => undefined);`,
    rule: "no-focused-tests",
  },
];

const allowed: readonly { path: string; text: string }[] = [
  {
    path: "control-plane/src/engine/ok.ts",
    text: `import { a } from "./plain.ts";\nimport { runStates } from "@capstan/proto";\nexport const ok = [a, runStates];`,
  },
  { path: "control-plane/src/engine/plain.ts", text: `export const a = 1;` },
  { path: "control-plane/src/commit/ok.ts", text: `import { a } from "../engine/plain.ts";\nexport const ok = a;` },
  { path: "control-plane/src/run/ok.ts", text: `import { ok } from "../commit/ok.ts";\nexport const run = ok;` },
  {
    path: "control-plane/src/auth/agent-credential.ts",
    text: `import { SignJWT } from "jose";\nexport const ok = SignJWT;`,
  },
  { path: "agent/src/agent.ts", text: `import { a } from "./claim/plain.ts";\nexport const ok = a;` },
  { path: "agent/src/claim/plain.ts", text: `export const a = 1;` },
];

interface LintReport {
  readonly diagnostics: readonly { readonly code?: string; readonly filename: string }[];
}

test("every lint rule and import boundary fires where it is broken, and nowhere else", () => {
  for (const file of [...planted, ...allowed]) {
    mkdirSync(dirname(join(folder, file.path)), { recursive: true });
    writeFileSync(join(folder, file.path), `${file.text}\n`);
  }
  copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const compilerOptions = {
    strict: true,
    target: "ES2024",
    module: "NodeNext",
    allowImportingTsExtensions: true,
    noEmit: true,
    types: ["node"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*/src"] }));
  const run = spawnSync(
    process.execPath,
    [join(root, "node_modules/oxlint/bin/oxlint"), "--type-aware", "--disable-nested-config", "-f", "json", "."],
    { cwd: folder, encoding: "utf8", maxBuffer: 32 * 1024 * 1024 },
  );
  // oxlint's own report; its shape is checked by the expectations below
  const report = JSON.parse(run.stdout) as LintReport;
  const found = (path: string, rule: string): boolean =>
    report.diagnostics.some((one) => one.filename.endsWith(path) && one.code?.includes(rule) === true);
  expect(planted.filter((file) => !found(file.path, file.rule)).map((file) => `${file.path}: ${file.rule}`)).toEqual(
    [],
  );
  const clean = allowed.map((file) => file.path);
  expect(report.diagnostics.filter((one) => clean.some((path) => one.filename.endsWith(path)))).toEqual([]);
});
