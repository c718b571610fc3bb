// Every page of docs/guides, followed literally: its files in an empty folder, its commands one after another.
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { readWorkflow } from "@capstan/proto";
import { afterEach, expect, test } from "vitest";
import { readGuide, missingLine, type GuideCommand } from "../support/guide.ts";
import { node24, runToEnd, startProduct, type Product } from "../support/product.ts";
import { root } from "../support/sources.ts";

const folder = join(root, "docs/guides");
const guides = readdirSync(folder)
  .filter((name) => name.endsWith(".md") && name !== "README.md")
  .map((name) => ({ name, guide: readGuide(readFileSync(join(folder, name), "utf8")) }));

let running: Product | undefined;
afterEach(async () => {
  await running?.remove();
  running = undefined;
});

/** A folder whose `npx capstan` is this repository's. */
function programs(product: Product): string {
  const bin = join(product.folder, ".bin");
  mkdirSync(bin, { recursive: true });
  const capstan = `#!/bin/sh\nexec "${node24}" "${join(root, "cli/bin/capstan.js")}" "$@"\n`;
  writeFileSync(join(bin, "capstan"), capstan);
  writeFileSync(join(bin, "npx"), '#!/bin/sh\nexec "$@"\n');
  for (const name of ["capstan", "npx"]) chmodSync(join(bin, name), 0o755);
  return bin;
}

test("there are guides, and each is in the list of guides", () => {
  expect(guides.length).toBeGreaterThan(0);
  const list = readFileSync(join(folder, "README.md"), "utf8");
  expect(guides.filter(({ name }) => !list.includes(`(${name})`)).map(({ name }) => name)).toEqual([]);
});

test.each(guides)("$name: its workflows are valid", ({ guide }) => {
  for (const [path, text] of Object.entries(guide.files)) {
    if (!/^workflows\/.*\.ya?ml$/.test(path)) continue;
    const { problems } = readWorkflow({ text, file: path });
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  }
});

test.each(guides.filter(({ guide }) => guide.commands.length > 0))(
  "$name: its commands do what it says",
  async ({ guide }) => {
    const product = await startProduct({ files: guide.files, args: ["--empty", "--no-console"] });
    running = product;
    const bin = programs(product);
    const run = async ({ command, expected, line }: GuideCommand): Promise<void> => {
      // On a terminal, as a person runs it: elsewhere tables and problems are printed for other programs.
      const done = await runToEnd("script", ["-qefc", command, "/dev/null"], {
        cwd: product.folder,
        timeoutMs: 120_000,
        env: {
          PATH: `${bin}:${process.env["PATH"] ?? ""}`,
          CAPSTAN_DATA_DIR: product.data,
          CAPSTAN_URL: product.url,
          XDG_CONFIG_HOME: join(product.folder, ".config"),
          SHELL: "/bin/bash",
          TERM: "xterm",
          COLUMNS: "200",
        },
      });
      const said = `line ${line}: ${command}\n${done.stdout}\n${done.stderr}`;
      expect(done.code, said).toBe(0);
      expect(missingLine(expected, stripVTControlCharacters(done.stdout).replaceAll("\r", "\n")), said).toBeUndefined();
    };
    for (const command of guide.commands) await run(command);
  },
  300_000,
);
