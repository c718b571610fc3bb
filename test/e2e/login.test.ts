// A command line that becomes somebody by a code, from the first word to the last.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Browser } from "../support/identity-provider.ts";
import { node24, runToEnd, startProduct, type Product } from "../support/product.ts";
import { root } from "../support/sources.ts";
import { until } from "../support/until.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ files: {}, args: ["--empty", "--no-console", "--no-agent"] });
});
afterAll(async () => {
  await product?.remove();
});

const cli = join(root, "cli/bin/capstan.js");

test("login waits for a person, keeps the sign-in for this server alone, and logout ends it", async () => {
  // Another folder than that of the product, so that nothing is found there.
  const env = { PATH: process.env["PATH"] ?? "", CAPSTAN_CONFIG: join(product.folder, "config/config.toml") };
  const capstan = (...words: string[]) => runToEnd(node24, [cli, ...words], { cwd: "/", timeoutMs: 30_000, env });

  let said = "";
  const login = spawn(node24, [cli, "login", product.url, "--profile", "here"], { cwd: "/", env });
  login.stderr.on("data", (data: Buffer) => (said += data.toString()));
  const ended = new Promise<number | null>((resolve) => login.once("exit", resolve));
  const userCode = await until("a code", 20_000, async () => /code=([A-Z]{4}-[A-Z]{4})/.exec(said)?.[1]);

  const browser = new Browser();
  const { url } = JSON.parse((await product.cli(["open", "-o", "json"])).stdout) as { url: string };
  const post = (path: string, body: unknown) =>
    browser.send(product.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", origin: product.url },
      body: JSON.stringify(body),
    });
  expect((await post("/auth/exchange", { token: url.split("#token=")[1] })).status).toBe(200);
  expect((await post("/auth/device/decision", { userCode, decision: "approve" })).status).toBe(204);

  expect(await ended).toBe(0);
  expect(said).toContain(`signed in to ${product.url} as local`);
  expect(said).not.toMatch(/capstan_(?:cli|device)_/);
  expect(JSON.parse((await capstan("whoami", "-o", "json")).stdout)).toMatchObject({
    profile: "here",
    server: product.url,
  });
  expect((await capstan("runs", "list", "-o", "json")).code).toBe(0);
  expect((await capstan("logout")).code).toBe(0);
  const after = await capstan("whoami");
  expect([after.code, after.stderr]).toEqual([4, expect.stringContaining("capstan login")]);
});
