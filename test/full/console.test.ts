// The console in a real browser: signed in by the one-time link, the runs are there, and a run's page shows its log.
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProduct, type Product } from "../support/product.ts";
import { until } from "../support/until.ts";

const executablePath = process.env["CAPSTAN_TEST_CHROMIUM"] ?? "";

// Without a browser scripts/test.js has said so, with the command that gets one.
test.runIf(executablePath !== "")(
  "the printed link signs in, and the page of a run shows its tasks and its log",
  async () => {
    const errors: string[] = [];
    const page = await browser.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    const link = await product.cli(["open", "-o", "json"]);
    expect(link.code, link.stderr).toBe(0);
    const { url } = JSON.parse(link.stdout) as { url: string }; // the address of the sign-in link
    await page.goto(url);
    await page.waitForURL((address) => !address.pathname.startsWith("/login"));
    await page.goto(`${product.url}/`);
    await page.getByText("hello-1").first().waitFor();
    await page.goto(`${product.url}/runs/hello-1`);
    await page.getByText("greet").first().waitFor();
    await page.getByText("that is 12 characters").first().waitFor();
    expect(errors).toEqual([]);
  },
);

let product: Product;
let browser: Browser;
beforeAll(async () => {
  if (executablePath === "") return;
  product = await startProduct();
  await product.finished("hello-1");
  await until("the console answers", 60_000, async () => ((await fetch(`${product.url}/login`)).ok ? true : undefined));
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  await product?.remove();
});
