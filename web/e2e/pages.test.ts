// The pages in a real browser against the mock API: look for errors, contrast and names in both themes, walk by keyboard.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startMockApi, type MockApi } from "../mock-api/server.ts";

const executablePath = process.env["CAPSTAN_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
const serverFile = fileURLToPath(new URL("../.next/standalone/web/server.js", import.meta.url));
const missing = !existsSync(executablePath)
  ? `no Chromium at ${executablePath} (apt-get install chromium, or set CAPSTAN_TEST_CHROMIUM)`
  : !existsSync(serverFile)
    ? "the console is not built (npm run build)"
    : undefined;

let browser: Browser;
let mock: MockApi;
let server: ChildProcess | undefined;

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  // A listening TCP server has an address with a port.
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

interface Visit {
  readonly mode?: string;
  readonly scheme?: "light" | "dark";
  readonly width?: number;
}

async function visit(
  path: string,
  { mode = "full", scheme = "light", width = 1440 }: Visit = {},
): Promise<{ readonly page: Page; readonly errors: string[] }> {
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height: 900 },
    reducedMotion: "reduce",
  });
  await context.addCookies([{ name: "mock", value: mode, url: mock.url }]);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // A refused request is reported by the browser itself; those pages show the refusal.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      errors.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(mock.url) && !request.url().startsWith("data:"))
      errors.push(`request to ${request.url()}`);
  });
  await page.goto(mock.url + path);
  return { page, errors };
}

describe.skipIf(missing !== undefined)(`console${missing === undefined ? "" : `: skipped, ${missing}`}`, () => {
  beforeAll(async () => {
    const port = await freePort();
    const child = spawn(process.execPath, [serverFile], {
      env: { ...process.env, PORT: String(port), HOSTNAME: "127.0.0.1" },
      stdio: "ignore",
    });
    server = child;
    mock = await startMockApi(`http://127.0.0.1:${port}`);
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    await vi.waitFor(
      async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/`);
        if (answer.status !== 200) throw new Error(`the console answers ${answer.status}`);
      },
      { timeout: 20_000 },
    );
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await mock?.close();
    server?.kill("SIGTERM");
  });

  const pages = [
    { name: "the list", path: "/", mode: "full", ready: "failing-1" },
    { name: "an empty list", path: "/runs", mode: "empty", ready: "No runs yet." },
    { name: "a list that cannot be fetched", path: "/runs", mode: "signed-out", ready: "You are not signed in." },
    { name: "a failed run", path: "/runs/failing-1", mode: "full", ready: "load failed" },
    { name: "a run that is not there", path: "/runs/missing-1", mode: "full", ready: "There is no run missing-1." },
    { name: "a run with 10,000 tasks", path: "/runs/full-1", mode: "full", ready: "1,000,000 lines" },
  ] as const;
  for (const scheme of ["light", "dark"] as const)
    for (const width of [1440, 390])
      for (const { name, path, mode, ready } of pages)
        test(`${name} is accessible and without errors, ${scheme}, ${width} px`, async () => {
          const { page, errors } = await visit(path, { mode, scheme, width });
          await page.getByText(ready).first().waitFor();
          const found = await new AxeBuilder({ page })
            .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
            .analyze();
          expect(
            found.violations.map(
              (violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`,
            ),
          ).toEqual([]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
          expect(errors).toEqual([]);
          await page.context().close();
        });

  test("by keyboard alone: from the list to a failed run, its cause, and another task's log", async () => {
    const { page, errors } = await visit("/?q=failing-1&state=failed");
    const link = page.getByRole("link", { name: "failing-1", exact: true });
    await link.waitFor();
    for (
      let presses = 0;
      presses < 20 && !(await link.evaluate((element) => element === document.activeElement));
      presses++
    )
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page
      .getByRole("region", { name: "Why it failed" })
      .getByText("could not convert string to float")
      .first()
      .waitFor();
    const list = page.getByRole("listbox");
    await list.waitFor();
    for (
      let presses = 0;
      presses < 30 && !(await list.evaluate((element) => element === document.activeElement));
      presses++
    )
      await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowUp");
    await page.getByRole("log", { name: "Log of download, attempt 1" }).getByText("row 59").waitFor();
    expect(new URL(page.url()).searchParams.get("task")).toBe("download");
    expect(errors).toEqual([]);
    await page.context().close();
  });

  test("10,000 tasks and 1,000,000 lines draw few rows, and both ends of the log can be reached", async () => {
    const { page } = await visit("/runs/full-1?task=part_00000");
    const log = page.getByRole("log");
    await log
      .getByText("row 999999", { exact: false })
      .or(log.getByText("1000000", { exact: true }))
      .first()
      .waitFor();
    expect(await log.locator(".log-row").count()).toBeLessThan(120);
    expect(await page.getByRole("option").count()).toBeLessThan(80);
    await log.evaluate((element) => element.scrollTo(0, 0));
    await log.getByText("row 0:", { exact: false }).waitFor();
    await page.getByRole("listbox").press("End");
    await page.getByRole("option", { name: "part_09999" }).waitFor();
    await page.context().close();
  });

  test("follow sticks to the end until the reader scrolls up, and the pill leads back", async () => {
    const { page } = await visit("/runs/running-1?task=load");
    const log = page.getByRole("log");
    await log.getByText("row 150", { exact: false }).waitFor();
    await log.evaluate((element) => element.scrollTo(0, 0));
    const pill = page.getByRole("button", { name: /new lines? ↓/ });
    await pill.waitFor();
    expect(await log.evaluate((element) => element.scrollTop)).toBe(0);
    await pill.click();
    await expect
      .poll(() => log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight))
      .toBeLessThan(40);
    await page.context().close();
  });

  test("cancelling asks first; an ended run says why it cannot be cancelled", async () => {
    const running = await visit("/runs/running-1");
    await running.page.getByRole("button", { name: "Cancel run" }).click();
    const dialog = running.page.getByRole("alertdialog");
    await dialog.getByText("Cancel running-1?").waitFor();
    const asked = running.page.waitForRequest(
      (request) => request.method() === "POST" && request.url().endsWith("/runs/running-1/actions/cancel"),
    );
    await dialog.getByRole("button", { name: "Cancel run", exact: true }).click();
    await asked;
    await dialog.waitFor({ state: "hidden" });
    await running.page.context().close();
    const ended = await visit("/runs/hello-1");
    const button = ended.page.getByRole("button", { name: "Cancel run" });
    await ended.page.getByText("The run has ended: it succeeded.").waitFor();
    expect(await button.getAttribute("aria-disabled")).toBe("true");
    await ended.page.context().close();
  });

  test("a log line is text, whatever it says, and a page without live events says so", async () => {
    const { page } = await visit("/runs/running-1?task=load", { mode: "no-live" });
    await page.getByText("Live updates are paused, retrying.", { exact: false }).waitFor();
    await page.getByRole("log").getByText("<script>window.__xss = 1</script>", { exact: false }).first().waitFor();
    expect(await page.evaluate(() => "__xss" in window)).toBe(false);
    await page.context().close();
  });
});
