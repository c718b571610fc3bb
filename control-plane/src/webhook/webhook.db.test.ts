// Webhooks over HTTP: each scheme's own signature, what is refused with which status, and one run for each delivery.
import { createHmac, randomUUID } from "node:crypto";
import http from "node:http";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { serverFixture, type Answer } from "../testing/server-fixture.ts";

const database = await cloneDatabase();
const server = await serverFixture(database, { CAPSTAN_WEBHOOKS__SECRET_URLS: "default" });
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
});
const P = "/projects/default";

const schemes = ["standard", "github", "gitlab", "stripe", "slack", "bearer"];
await server.deploy(`version: 1
name: hooked
inputs: { n: { type: integer, maximum: 100, default: 1 }, from: { type: string, default: "" } }
triggers:
${schemes.map((one) => `  - { id: ${one}, webhook: { verify: ${one} }, inputs: { n: "\${{ int(trigger.body.n) }}" } }`).join("\n")}
  - id: signed
    webhook:
      verify: { hmac: { header: X-Acme-Signature, algorithm: sha512, encoding: base64, prefix: "v=", timestampHeader: X-Acme-Time } }
      dedupe: "\${{ trigger.body.id }}"
    if: trigger.body.n != 99.0
    inputs: { n: "\${{ int(trigger.body.n) }}", from: "\${{ trigger.headers['x-from'] }} \${{ trigger.query.q }}" }
  - { id: local, webhook: { verify: { none: true, ip: ["127.0.0.0/8"] } } }
  - { id: far, webhook: { verify: { none: true, ip: ["203.0.113.0/24"] } } }
  - { id: event, webhook: { verify: bearer }, inputs: { from: "\${{ trigger.?event.?type.orValue('none') }}" } }
tasks: { a: { wait: 1ms } }
`);
const secrets = new Map<string, string>();
async function rotate(hook: string, body: object = {}): Promise<Answer> {
  const answer = await server.call("POST", `${P}/webhooks/hooked.${hook}/actions/rotate`, body);
  secrets.set(hook, String(answer.body["secret"]));
  return answer;
}
for (const hook of [...schemes, "signed", "local", "far", "event"]) await rotate(hook);

interface Sent {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}
async function post(path: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Sent> {
  const answer = await fetch(`${server.url}/hooks/default/hooked/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { status: answer.status, body: (await answer.json()) as Sent["body"] }; // an answer of ours is an object
}

const hmac = (key: string, text: string, encoding: "hex" | "base64" = "hex", algorithm = "sha256"): string =>
  createHmac(algorithm, key).update(text).digest(encoding);
const seconds = (awayS = 0): string => String(Math.floor(Date.now() / 1000) + awayS);
const secretOf = (hook: string): string => secrets.get(hook) ?? "";

/** A right request of each scheme. `awayS`: how far its time is away; `id` names the delivery where the scheme has a name. */
const signers: Readonly<Record<string, (body: string, id: string, awayS?: number) => Record<string, string>>> = {
  standard: (body, id, awayS = 0) => {
    const t = seconds(awayS);
    const key = Buffer.from(secretOf("standard").slice("whsec_".length), "base64");
    const signature = createHmac("sha256", key).update(`${id}.${t}.${body}`).digest("base64");
    return { "webhook-id": id, "webhook-timestamp": t, "webhook-signature": `v1,AAAA v1,${signature} v1a,AAAA` };
  },
  github: (body, id) => ({
    "x-github-event": "push",
    "x-github-delivery": id,
    "x-hub-signature-256": `sha256=${hmac(secretOf("github"), body)}`,
  }),
  gitlab: (_, id) => ({ "x-gitlab-token": secretOf("gitlab"), "x-gitlab-event-uuid": id }),
  stripe: (body, _, awayS) => {
    const t = seconds(awayS);
    return {
      "stripe-signature": `t=${t},v1=${hmac("another secret", body)},v1=${hmac(secretOf("stripe"), `${t}.${body}`)}`,
    };
  },
  slack: (body, _, awayS) => {
    const t = seconds(awayS);
    return {
      "x-slack-request-timestamp": t,
      "x-slack-signature": `v0=${hmac(secretOf("slack"), `v0:${t}:${body}`)}`,
    };
  },
  bearer: () => ({ authorization: `Bearer ${secretOf("bearer")}` }),
  signed: (body, _, awayS) => {
    const t = seconds(awayS);
    return {
      "x-acme-time": t,
      "x-acme-signature": `v=${hmac(secretOf("signed"), `${t}.${body}`, "base64", "sha512")}`,
      "x-from": "acme",
    };
  },
};
const hooks = Object.keys(signers);
const bodyOf = (n: number, id: string): string => JSON.stringify({ n, id, event_id: id });
const send = (hook: string, n: number, id: string = randomUUID(), awayS = 0): Promise<Sent> => {
  const body = bodyOf(n, id);
  return post(hook === "signed" ? "signed?q=1" : hook, body, signers[hook]?.(body, id, awayS));
};
const runsNow = async (): Promise<number> => (await owner.query("SELECT 1 FROM runs")).rowCount ?? 0;
interface Logged {
  readonly id: string;
  readonly outcome: string;
  readonly detail: string | null;
  readonly run: string | null;
  readonly verification: string;
}
const log = async (hook: string): Promise<readonly Logged[]> =>
  (await server.call("GET", `${P}/webhooks/hooked.${hook}/deliveries`)).body["data"] as Logged[]; // of webhookDeliveries

test.each(hooks)("%s: a delivery with its signature becomes a run with inputs from its body", async (hook) => {
  const before = await runsNow();
  const answer = await send(hook, 7);
  expect(answer).toMatchObject({ status: 202, body: { outcome: "started", runId: expect.stringMatching(/^run_/) } });
  expect(await runsNow()).toBe(before + 1);
  const run = await server.call("GET", `${P}/runs/${String(answer.body["runId"])}`);
  expect(run.body).toMatchObject({
    inputs: { n: 7 },
    trigger: { kind: "webhook", id: hook, actor: `webhook:${hook}`, delivery: answer.body["deliveryId"] },
  });
  expect((await log(hook))[0]).toMatchObject({ outcome: "started", run: run.body["name"] });
});

test.each(hooks.filter((hook) => hook !== "bearer"))(
  "%s: the same delivery is one run, however often and at once it comes",
  async (hook) => {
    const before = await runsNow();
    const id = randomUUID();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(hook, 3, id)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(7);
    expect(new Set(answers.map(({ body }) => body["runId"])).size).toBe(1);
    expect(new Set(answers.map(({ body }) => body["deliveryId"])).size).toBe(1);
    expect(await runsNow()).toBe(before + 1);
  },
);

test.each(hooks)(
  "%s: a changed body, a wrong secret or none is refused with 401, recorded, and makes no run",
  async (hook) => {
    const before = await runsNow();
    const body = bodyOf(7, randomUUID());
    const headers = signers[hook]?.(body, randomUUID()) ?? {};
    const isToken = ["gitlab", "bearer"].includes(hook);
    const tries = [
      ...(isToken ? [] : [await post(hook, body.replace("7", "8"), headers)]),
      await post(
        hook,
        body,
        Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace(/.$/, "!")])),
      ),
      await post(hook, body),
    ];
    for (const { status, body: problem } of tries) {
      expect(status).toBe(401);
      expect(problem).toMatchObject({ code: "signature_invalid" });
      // The sender is not told what was wrong with it.
      expect(problem["detail"]).toBe("The delivery could not be verified. It was recorded, and made no run.");
    }
    expect(await runsNow()).toBe(before);
    const [last] = await log(hook);
    expect(last).toMatchObject({ outcome: "unverified", run: null });
    expect((await server.call("GET", `${P}/deliveries/${last?.id ?? ""}`)).body).toMatchObject({ body: null });
  },
);

test.each(["standard", "stripe", "slack", "signed"])("%s: five minutes are near enough, more are not", async (hook) => {
  expect((await send(hook, 5, randomUUID(), -290)).status).toBe(202);
  for (const awayS of [-310, 310]) expect((await send(hook, 5, randomUUID(), awayS)).status).toBe(401);
  expect((await log(hook))[0]?.verification).toMatch(/its time is \d+ s away/);
});

const bad: readonly (readonly [string, string, string | Uint8Array, number, string])[] = [
  ["a body that is no JSON", "application/json", "{ n: 1", 400, "malformed"],
  ["a body that is no UTF-8", "application/json", new Uint8Array([0x22, 0xff, 0x22]), 400, "malformed"],
  ["a type that nobody takes", "text/xml", "<n>1</n>", 415, "media_type_refused"],
  ["a form of a browser", "multipart/form-data; boundary=x", "--x--", 415, "media_type_refused"],
  ["a type that is only nearly right", "application/jsonp", '{"n":1}', 415, "media_type_refused"],
  ["a body of another form", "application/json", "[1,2]", 422, "inputs_invalid"],
  ["a value of another type", "application/json", '{"n":"seven"}', 422, "inputs_invalid"],
  ["a value out of bounds", "application/json", '{"n":101}', 422, "inputs_invalid"],
  ["a body that is nested too deep", "application/json", `${"[".repeat(70)}${"]".repeat(70)}`, 400, "malformed"],
  ["a body with a reserved key", "application/json", '{"n":1,"__proto__":{"polluted":true}}', 400, "malformed"],
];
test.each(bad)("%s as %s is refused", async (_, type, body, status, code) => {
  const before = await runsNow();
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const answer = await fetch(`${server.url}/hooks/default/hooked/github`, {
    method: "POST",
    headers: {
      "content-type": type,
      "x-hub-signature-256": `sha256=${createHmac("sha256", secretOf("github")).update(bytes).digest("hex")}`,
      "x-github-delivery": randomUUID(),
    },
    body: new Uint8Array(bytes),
  });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ code });
  expect(await runsNow()).toBe(before);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(["unreadable", "failed"]).toContain((await log("github"))[0]?.outcome);
});

/** Sends a body in parts without saying how long it is. */
function chunked(hook: string, parts: readonly string[], headers: Record<string, string>): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const url = new URL(`${server.url}/hooks/default/hooked/${hook}`);
    const request = http.request(
      url,
      { method: "POST", headers: { "content-type": "application/json", "transfer-encoding": "chunked", ...headers } },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => (text += part));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) as Sent["body"] })); // as above
      },
    );
    request.on("error", reject);
    for (const part of parts) request.write(part);
    request.end();
  });
}

test("a body in chunks is put together, and one above 1 MiB is refused however it is sent", async () => {
  const body = bodyOf(4, randomUUID());
  const headers = signers["github"]?.(body, randomUUID()) ?? {};
  expect(await chunked("github", [...body], headers)).toMatchObject({ status: 202, body: { outcome: "started" } });
  const large = `{"n":1,"x":"${"x".repeat(1024 * 1024)}"}`;
  const signed = signers["github"]?.(large, randomUUID()) ?? {};
  const tooLarge = { status: 413, body: { code: "body_too_large" } };
  expect(await post("github", large, signed)).toMatchObject(tooLarge);
  expect(await chunked("github", [large.slice(0, 600_000), large.slice(600_000)], signed)).toMatchObject(tooLarge);
});

test("what could not become a run may come again; what was filtered stays filtered", async () => {
  const id = randomUUID();
  expect((await send("github", 101, id)).status).toBe(422);
  // The sender tries again, and now it fits.
  expect((await send("github", 9, id)).status).toBe(202);
  const filtered = randomUUID();
  expect(await send("signed", 99, filtered)).toMatchObject({ status: 202, body: { runId: null, outcome: "filtered" } });
  expect(await send("signed", 99, filtered)).toMatchObject({ status: 200, body: { runId: null, outcome: "filtered" } });
  expect((await log("signed"))[0]?.detail).toContain('{"trigger.body.n":99}');
});

test("senders who try an address are answered, and start nothing", async () => {
  const before = await runsNow();
  const ping = '{"zen":"Keep it logically awesome."}';
  expect(
    await post("github", ping, { ...signers["github"]?.(ping, randomUUID()), "x-github-event": "ping" }),
  ).toMatchObject({
    status: 200,
    body: { outcome: "answered", runId: null },
  });
  const challenge = '{"type":"url_verification","challenge":"abc"}';
  expect(await post("slack", challenge, signers["slack"]?.(challenge, ""))).toMatchObject({
    status: 200,
    body: { challenge: "abc" },
  });
  expect(await post("slack", challenge)).toMatchObject({ status: 401 });
  expect(await runsNow()).toBe(before);
});

test("where nobody signs, the secret stands in the address, and only its networks may use it", async () => {
  expect(await post(`local/${secretOf("local")}`, "{}")).toMatchObject({ status: 202 });
  expect(await post("local", "{}")).toMatchObject({ status: 401 });
  expect(await post(`local/${secretOf("local").slice(1)}0`, "{}")).toMatchObject({ status: 401 });
  expect(await post(`far/${secretOf("far")}`, "{}")).toMatchObject({ status: 401 });
  expect((await log("far"))[0]?.verification).toContain("127.0.0.1 is in none of its networks");
  const { body } = await rotate("local");
  expect(String(body["url"])).toBe(`${server.url}/hooks/default/hooked/local/${String(body["secret"])}`);
});

test("a new secret is shown once, and the one before it stays good for as long as was said", async () => {
  const old = secretOf("github");
  const key = { "idempotency-key": "rotate once" };
  const path = `${P}/webhooks/hooked.github/actions/rotate`;
  const first = await server.call("POST", path, { overlapMs: 60_000 }, key);
  const again = await server.call("POST", path, { overlapMs: 60_000 }, key);
  expect(again.body).toEqual(first.body);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  const body = bodyOf(2, "");
  const by = async (secret: string): Promise<number> =>
    (
      await post("github", body, {
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": `sha256=${hmac(secret, body)}`,
      })
    ).status;
  expect([await by(old), await by(String(first.body["secret"]))]).toEqual([202, 202]);
  await rotate("github", { secret: "a-secret-of-the-sender", overlapMs: 0 });
  expect([await by(old), await by("a-secret-of-the-sender")]).toEqual([401, 202]);
  const view = await server.call("GET", `${P}/webhooks/hooked.github`);
  expect(view.body).toMatchObject({
    verify: "github",
    state: "active",
    url: `${server.url}/hooks/default/hooked/github`,
  });
  const stored = await owner.query<{ text: string }>("SELECT s::text AS text FROM webhook_secrets s");
  const shown = JSON.stringify([view.body, (await server.call("GET", `${P}/audit`)).body, stored.rows]);
  for (const secret of [...secrets.values(), old]) expect(shown).not.toContain(secret);
  expect((await server.call("POST", path, { secret: "short" })).status).toBe(400);
});

test("the log has the request without its credentials; a replay and a test run it again, and say who did", async () => {
  const answer = await post("bearer?q=1", bodyOf(6, ""), {
    authorization: `Bearer ${secretOf("bearer")}`,
  });
  const id = String(answer.body["deliveryId"]);
  const shown = await server.call("GET", `${P}/deliveries/${id}`);
  expect(shown.body).toMatchObject({ outcome: "started", body: bodyOf(6, ""), context: { query: { q: "1" } } });
  expect(JSON.stringify(shown.body)).not.toMatch(/authorization/i);
  const before = await runsNow();
  const replay = await server.call("POST", `${P}/deliveries/${id}/actions/replay`, undefined);
  expect(replay).toMatchObject({
    status: 200,
    body: { outcome: "started", replayOf: id, verification: "replay by local" },
  });
  const tried = await server.call("POST", `${P}/webhooks/hooked.signed/actions/test`, {
    body: { n: 8, id: "x" },
    headers: { "X-From": "me" },
    query: { q: "2" },
  });
  expect(tried.body).toMatchObject({ outcome: "started", verification: "test by local" });
  const run = await server.call("GET", `${P}/runs/${String(tried.body["run"])}`);
  expect(run.body["inputs"]).toEqual({ n: 8, from: "me 2" });
  expect(await runsNow()).toBe(before + 2);
  const wrong = (await log("stripe")).find((one) => one.outcome === "unverified");
  expect((await server.call("POST", `${P}/deliveries/${wrong?.id ?? ""}/actions/replay`)).status).toBe(409);
});

test("a CloudEvent is seen as an event, in both of its forms", async () => {
  const as = { authorization: `Bearer ${secretOf("event")}` };
  const structured = JSON.stringify({ specversion: "1.0", type: "a.b", source: "/s", id: "1", data: {} });
  const inputsOf = async (sent: Sent): Promise<unknown> =>
    (await server.call("GET", `${P}/runs/${String(sent.body["runId"])}`)).body["inputs"];
  expect(
    await inputsOf(await post("event", structured, { ...as, "content-type": "application/cloudevents+json" })),
  ).toMatchObject({ from: "a.b" });
  expect(await inputsOf(await post("event", "{}", { ...as, "ce-specversion": "1.0", "ce-type": "c.d" }))).toMatchObject(
    { from: "c.d" },
  );
  expect(await inputsOf(await post("event", "{}", as))).toMatchObject({ from: "none" });
  expect(
    await inputsOf(await post("event", "a=1&n=2", { ...as, "content-type": "application/x-www-form-urlencoded" })),
  ).toMatchObject({ from: "none" });
});

test("with wait the sender learns how the run ended", async () => {
  const body = bodyOf(6, "");
  const answer = await post("bearer?wait=20s", body, { authorization: `Bearer ${secretOf("bearer")}` });
  expect(answer).toMatchObject({ status: 200, body: { outcome: "started", state: "succeeded" } });
});

test("a disabled webhook, one without a secret, one that is not there", async () => {
  const steer = (action: string) => server.call("POST", `${P}/webhooks/hooked.gitlab/actions/${action}`, {});
  expect((await steer("disable")).body).toEqual({ webhook: "hooked.gitlab", state: "disabled", already: false });
  expect((await steer("disable")).body["already"]).toBe(true);
  expect(await send("gitlab", 1)).toMatchObject({ status: 409, body: { code: "state_conflict" } });
  expect((await steer("enable")).body["state"]).toBe("active");
  expect((await send("gitlab", 1)).status).toBe(202);
  await server.deploy("version: 1\nname: fresh\ntriggers: [{ id: h, webhook: {} }]\ntasks: { a: { wait: 1ms } }\n");
  const list = (await server.call("GET", `${P}/webhooks`)).body["data"] as { webhook: string; state: string }[]; // of webhookList
  expect(list.find((one) => one.webhook === "fresh.h")?.state).toBe("no_secret");
  const to = (path: string) => fetch(`${server.url}/hooks/${path}`, { method: "POST", body: "{}" });
  expect((await to("default/fresh/h")).status).toBe(401);
  for (const path of ["default/fresh/none", "default/nobody/h", "other/fresh/h"])
    expect((await to(path)).status).toBe(404);
});

test("a start that nobody made because its replica died is made from its row", async () => {
  const { rows } = await owner.query<{ project_id: string; workflow_id: string; digest: string }>(
    "SELECT project_id, workflow_id, digest FROM workflow_triggers WHERE trigger_id = 'bearer'",
  );
  const [row] = rows;
  const runId = "01900000-0000-7000-8000-00000000000a";
  await owner.query(
    `WITH d AS (INSERT INTO trigger_deliveries (project_id, id, workflow_id, trigger_id, kind, digest, run_id, context, body)
       VALUES ($1, $4, $2, 'bearer', 'webhook', $3, $4, '{"headers":{"content-type":"application/json"}}', '{"n":5}'))
     INSERT INTO timers (project_id, run_id, position, kind, due_at, body)
     VALUES ($1, $4, -1, 'trigger_start', clock_timestamp(), jsonb_build_object('delivery', $4::text))`,
    [row?.project_id, row?.workflow_id, row?.digest, runId],
  );
  const inputs = await until("its run", 20_000, async () => {
    const runs = await owner.query<{ inputs: object }>("SELECT inputs FROM runs WHERE id = $1", [runId]);
    return runs.rows[0]?.inputs;
  });
  expect(inputs).toMatchObject({ n: 5 });
});
