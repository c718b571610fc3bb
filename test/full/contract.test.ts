// Requests made from the OpenAPI document by Schemathesis, wanted and unwanted ones: no error of the server, no answer
// that the document does not describe. CAPSTAN_CONTRACT_SEED chooses other requests.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runToEnd, startProduct, type Product } from "../support/product.ts";

const version = "4.32.5";
const seed = process.env["CAPSTAN_CONTRACT_SEED"] ?? "1";
const folder = mkdtempSync(join(tmpdir(), "capstan-contract-"));
const python = join(folder, "venv/bin/python");
const made = spawnSync("python3", ["-m", "venv", join(folder, "venv")]);
const installed =
  made.status === 0 &&
  spawnSync(python, ["-m", "pip", "install", "-q", `schemathesis==${version}`], { stdio: "ignore" }).status === 0;

let product: Product;
beforeAll(async () => {
  if (!installed) return;
  const hello =
    'version: 1\nname: hello\ntasks: { greet: { run: \'echo "word=hello" >> "$CAPSTAN_OUTPUTS"\', outputs: { word: string } } }\n';
  product = await startProduct({ files: { "workflows/hello.yaml": hello }, args: ["--no-console"] });
  await product.cli(["run", "hello", "--wait"]);
}, 300_000);
afterAll(async () => {
  await product?.remove();
  rmSync(folder, { recursive: true, force: true });
});

// Names of things that are there, so that requests reach what is behind the look-up.
const parameters = `[parameters]
"path.project" = "default"
"path.workflow" = "hello"
"path.run" = "hello-1"
"path.task" = "greet"
`;

test.skipIf(!installed)(
  "no request brings the server down or gets an answer that is not in its document",
  async () => {
    const token = readFileSync(join(product.data, "keys/local"), "utf8");
    const answer = await fetch(`${product.url}/api/v1/openapi.json`, { headers: { authorization: `Bearer ${token}` } });
    writeFileSync(join(folder, "openapi.json"), await answer.text());
    writeFileSync(join(folder, "schemathesis.toml"), parameters);
    const flags = [
      ...["run", "openapi.json", "--url", product.url, "--seed", seed, "--no-color", "--continue-on-failure"],
      ...["--phases", "coverage,fuzzing", "--max-examples", "8", "--request-timeout", "20"],
      ...[
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
      ],
      // A stream has no end, and `capstan dev` stops when its agent is revoked.
      ...["--exclude-operation-id", "eventStream", "--exclude-operation-id", "agentRevoke"],
      ...["--header", `Authorization: Bearer ${token}`],
    ];
    const done = await runToEnd(join(folder, "venv/bin/schemathesis"), flags, { cwd: folder, timeoutMs: 900_000 });
    const said = done.stdout.replaceAll(/(?:%[0-9A-F]{2}){64,}/g, "%…");
    const [findings = ""] = said.split(/^=+ WARNINGS/m);
    expect(done.code, `${findings.slice(0, 20_000)}\n${product.talk}`).toBe(0);
    expect(said).not.toContain("unresolvable reference");
    expect(Number(/(\d+) generated/.exec(said)?.[1])).toBeGreaterThan(1_000);
    // It still works for those who behave.
    expect((await product.cli(["status"])).code).toBe(0);
  },
  960_000,
);
