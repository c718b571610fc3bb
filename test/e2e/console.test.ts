// The console in a real browser, through the front door: the printed link, the list of runs, and a log while it grows.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, type TestContext } from "vitest";
import { startProduct, type Product } from "../support/product.ts";
import { until } from "../support/until.ts";

const executablePath =
  process.env["CAPSTAN_TEST_CHROMIUM"] ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((file) => existsSync(file)) ??
  "";

const hello = `version: 1
name: hello
tasks:
  greet:
    run: echo "hello, console"
`;

/** Says a word, waits for a file, and says another: between the two the run is live for as long as the test needs. */
const talk = `version: 1
name: talk
inputs:
  gate: string
tasks:
  speak:
    run: |
      echo "the first word"
      while [ ! -e "$GATE" ]; do sleep 0.05; done
      echo "the last word"
    env: { GATE: "\${{ inputs.gate }}" }
`;

let product: Product;
let browser: Browser;
const problems: string[] = [];

beforeAll(async () => {
  if (executablePath === "") return;
  product = await startProduct({ files: { "hello.yaml": hello, "talk.yaml": talk } });
  await product.finished("hello-1");
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  await product?.remove();
});

const needsBrowser = (context: TestContext): void => {
  if (executablePath === "") context.skip("no Chromium on this machine: apt-get install chromium");
};

/** A page in a browser of its own, signed in by a fresh link. */
async function signedIn(options: { readonly width: number; readonly dark: boolean }): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: options.width, height: 844 },
    colorScheme: options.dark ? "dark" : "light",
  });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  const link = await product.cli(["open", "-o", "json"]);
  expect(link.code, link.stderr).toBe(0);
  const { url } = JSON.parse(link.stdout) as { url: string }; // the command's own output, with the sign-in link
  await page.goto(url);
  await page.waitForURL((address) => !address.pathname.startsWith("/login"));
  return page;
}

test("the link signs in, and a run's page shows its tasks and its log", async (context) => {
  needsBrowser(context);
  await until("the console answers", 60_000, async () =>
    (await fetch(`${product.url}/icon.svg`)).ok ? true : undefined,
  );
  const page = await signedIn({ width: 1440, dark: false });
  await page.getByRole("link", { name: "hello-1" }).click();
  await page.waitForURL((address) => address.pathname.endsWith("/runs/hello-1"));
  await page.getByText("greet").first().waitFor();
  await page.getByText("hello, console").first().waitFor();
  await page.close();
  expect(problems).toEqual([]);
});

test("without a sign-in there is no page, only the way to one", async (context) => {
  needsBrowser(context);
  const response = await fetch(`${product.url}/runs/hello-1`, {
    redirect: "manual",
    headers: { accept: "text/html" },
  });
  expect(response.status).toBeGreaterThanOrEqual(300);
  expect(response.status).toBeLessThan(400);
  expect(response.headers.get("location")).toContain("/login");
});

test("a log grows on the page, and the state follows, without a reload", async (context) => {
  needsBrowser(context);
  const gate = join(product.folder, "gate");
  const page = await signedIn({ width: 390, dark: true });
  const started = await product.cli(["run", "talk", "-i", `gate=${gate}`]);
  expect(started.code, started.stderr).toBe(0);
  // The list is not moved under the reader's hand: what is new is offered.
  await page.getByRole("button", { name: "Show 1 new run" }).click();
  await page.getByRole("link", { name: "talk-1" }).click();
  await page.getByText("the first word").first().waitFor();
  expect(await page.getByText("the last word").count()).toBe(0);
  await writeFile(gate, "");
  await page.getByText("the last word").first().waitFor();
  await page.getByText("succeeded").first().waitFor();
  const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
  expect(overflow).toBe(0);
  await page.close();
  expect(problems).toEqual([]);
});
