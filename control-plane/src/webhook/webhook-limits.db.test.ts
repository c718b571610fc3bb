// Limits of a webhook's receiver: who cannot sign uses up nothing of those who can.
import { createHmac } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const server = await serverFixture(await cloneDatabase(), { CAPSTAN_LIMITS__WEBHOOKS_PER_SECOND: "1" });
afterAll(() => server.close());
const P = "/projects/default";
await server.deploy(`version: 1
name: w
triggers: [{ id: a, webhook: { verify: github } }, { id: b, webhook: { verify: github } }]
tasks: { a: { wait: 1ms } }
`);

async function post(hook: string, secret: string): Promise<Response> {
  const signature = `sha256=${createHmac("sha256", secret).update("{}").digest("hex")}`;
  return fetch(`${server.url}/hooks/default/w/${hook}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-hub-signature-256": signature },
    body: "{}",
  });
}

test("more than its burst is refused with 429 and the time to wait; another webhook is not slowed down", async () => {
  const secretOf = async (hook: string): Promise<string> =>
    String((await server.call("POST", `${P}/webhooks/w.${hook}/actions/rotate`, {})).body["secret"]);
  const [a, b] = [await secretOf("a"), await secretOf("b")];
  const statuses: number[] = [];
  let last: Response | undefined;
  for (let i = 0; i < 40 && last?.status !== 429; i++) {
    last = await post("a", a);
    statuses.push(last.status);
  }
  expect(statuses.filter((status) => status === 202).length).toBeGreaterThanOrEqual(10);
  expect(last?.status).toBe(429);
  expect(Number(last?.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await post("b", b)).status).toBe(202);
});
