import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Notifier } from "@capstan/proto";
import { createExecutors } from "./index.ts";
import { settingsFrom } from "./config.ts";
import { openBench, runPrepared, type BenchOptions, type Ran } from "./testing.ts";

const bench = openBench();
let web: Server;
let mail: SMTPServer;
let origin = "";
let mailUrl = "";
const posts: { url: string; headers: IncomingMessage["headers"]; body: string }[] = [];
const mails: { from: string; to: string[]; text: string }[] = [];

/** PagerDuty's answers: 202 for what it takes, 400 with its reasons for what it does not. */
function enqueue(body: string, response: ServerResponse): void {
  const { routing_key: key, event_action: action } = JSON.parse(body) as Record<string, unknown>; // as sent
  if (key === "R0123456789")
    response.writeHead(202).end('{"status":"success","message":"Event processed","dedup_key":"k"}');
  else
    response
      .writeHead(400)
      .end(`{"status":"invalid event","message":"Event object is invalid","errors":["bad ${String(action)}"]}`);
}

/** Opsgenie's answers: 202 with a request id, 401 and 422 with a message. */
function alert(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.authorization !== "GenieKey G-1")
    response.writeHead(401).end('{"message":"API key is not valid","took":0.001,"requestId":"r"}');
  else response.writeHead(202).end('{"result":"Request will be processed","took":0.3,"requestId":"r"}');
}

beforeAll(async () => {
  web = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      posts.push({ url: request.url ?? "", headers: request.headers, body });
      if (request.url === "/api/chat.postMessage") response.end('{"ok":false,"error":"channel_not_found"}');
      else if (request.url === "/v2/enqueue") enqueue(body, response);
      else if (request.url?.startsWith("/v2/alerts") === true) alert(request, response);
      else if (request.url === "/services/gone") response.writeHead(410).end("no_service");
      else response.end("ok");
    });
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  mail = new SMTPServer({
    authOptional: true,
    onAuth: (auth, _session, done) =>
      auth.password === "right" ? done(null, { user: "u" }) : done(new Error("no: right is the word")),
    onRcptTo: (address, _session, done) =>
      address.address.startsWith("unknown") ? done(new Error("no such user")) : done(),
    onData: (stream, session, done) => {
      let text = "";
      stream.on("data", (chunk) => (text += String(chunk)));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({ from: mailFrom === false ? "" : mailFrom.address, to: rcptTo.map((one) => one.address), text });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => mail.listen(0, "127.0.0.1", resolve));
  mailUrl = `127.0.0.1:${(mail.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  web.closeAllConnections();
  web.close();
  await new Promise<void>((resolve) => mail.close(resolve));
  bench.end();
});

async function tell(notify: Notifier, more?: BenchOptions, environment: Record<string, string> = {}): Promise<Ran> {
  const settings = {
    ...settingsFrom({
      CAPSTAN_SECRET_HOOK: `${origin}/services/T0/secret-part`,
      CAPSTAN_SECRET_SIGN: "whsec_c2VjcmV0",
      CAPSTAN_SECRET_PAGER: "R0123456789",
      CAPSTAN_SECRET_GENIE: "G-1",
      ...environment,
    }),
    slackOrigin: origin,
    pagerdutyOrigin: origin,
    opsgenieOrigin: origin,
  };
  const executor = createExecutors(settings)["notify"];
  if (executor === undefined) throw new Error("no executor");
  return await runPrepared(await executor.prepare(bench.context({ action: { notify } }, more)));
}

test("Slack gets the text once, and the webhook's secret path is in no message", async () => {
  const before = posts.length;
  const { finished, output } = await tell(
    {
      slack: { webhook: { $expr: "secrets.HOOK" }, text: { $text: ["rows: ", { $expr: "tasks.load.outputs.rows" }] } },
    },
    {
      secrets: { HOOK: "env:CAPSTAN_SECRET_HOOK" },
      inputs: { tasks: { load: { state: "succeeded", outputs: { rows: 7 } } } },
    },
  );
  expect(finished).toEqual({ outcome: "succeeded", outputs: { delivered: true } });
  expect(posts.slice(before)).toMatchObject([{ url: "/services/T0/secret-part", body: '{"text":"rows: 7"}' }]);
  expect(output).not.toContain("secret-part");
});

test("a webhook that is gone fails with its status and without its path", async () => {
  const { finished } = await tell({ slack: { webhook: `${origin}/services/gone`, text: "x" } });
  expect(finished).toMatchObject({
    outcome: "failed",
    failure: { code: "http_status", message: `410 Gone from POST ${origin}/` },
  });
});

test("Slack's own refusal in a 200 is a failure", async () => {
  const { finished } = await tell({ slack: { token: "xoxb", channel: "#none", text: "x" } });
  expect(finished.failure).toMatchObject({
    code: "notify_failed",
    message: "Slack refused the message: channel_not_found",
  });
});

test("longer text than Slack takes is cut with an ellipsis", async () => {
  await tell({ slack: { webhook: `${origin}/services/x`, text: "a".repeat(5000) } });
  const { text } = JSON.parse(posts.at(-1)?.body ?? "{}") as { text: string };
  expect([text.length, text.endsWith("…")]).toEqual([4000, true]);
});

test("mail arrives at every recipient with subject and body", async () => {
  const { finished } = await tell({
    email: {
      to: ["a@example.org", "b@example.org"],
      subject: "it\r\nBcc: evil@example.org failed",
      body: "why",
      smtp: `smtp://u:right@${mailUrl}?from=capstan%40example.org`,
    },
  });
  expect(finished.outcome).toBe("succeeded");
  expect(mails.at(-1)).toMatchObject({ from: "capstan@example.org", to: ["a@example.org", "b@example.org"] });
  expect(mails.at(-1)?.text).toMatch(/^Subject: it Bcc: evil@example\.org failed\r\n/m);
  expect(mails.at(-1)?.text).toContain("\r\n\r\nwhy");
});

test("the agent's own mail server is used where none is named", async () => {
  const { finished } = await tell(
    { email: { to: ["a@example.org"], body: "x" } },
    {},
    { CAPSTAN_AGENT__SMTP_URL: `smtp://${mailUrl}` },
  );
  expect(finished.outcome).toBe("succeeded");
  await expect(tell({ email: { to: ["a@example.org"] } })).rejects.toThrow(/no mail server/);
});

test("a wrong password, an unknown recipient and a dead server fail, each with a reason and no secret", async () => {
  const to = ["a@example.org"];
  expect((await tell({ email: { to, smtp: `smtp://u:wrong@${mailUrl}` } })).finished.failure).toMatchObject({
    code: "notify_failed",
    message: `the mail server ${mailUrl} refused the user name or password`,
  });
  expect(
    (await tell({ email: { to: ["unknown@example.org"], smtp: `smtp://${mailUrl}` } })).finished.failure?.message,
  ).toContain("no such user");
  expect((await tell({ email: { to, smtp: "smtp://127.0.0.1:1" } })).finished.failure?.message).toBe(
    "the mail server 127.0.0.1:1 cannot be reached",
  );
});

test("what is no address is refused before a connection is made", async () => {
  await expect(tell({ email: { to: ["a@example.org, b@example.org"], smtp: `smtp://${mailUrl}` } })).rejects.toThrow(
    /no address/,
  );
});

test("a signed webhook can be verified by the Standard Webhooks rule", async () => {
  await tell(
    { webhook: { url: `${origin}/hook`, json: { done: true }, sign: { $expr: "secrets.S" } } },
    { secrets: { S: "env:CAPSTAN_SECRET_SIGN" } },
  );
  const post = posts.at(-1);
  const signed = `${String(post?.headers["webhook-id"])}.${String(post?.headers["webhook-timestamp"])}.{"done":true}`;
  expect(post?.headers["webhook-signature"]).toBe(
    `v1,${createHmac("sha256", "secret").update(signed).digest("base64")}`,
  );
});

const failing = {
  inputs: {
    run: { url: "https://capstan.example.org/runs/sample-1", failure: { task: "load", message: "no such table" } },
  },
};

test("PagerDuty gets one event with its key for each workflow, and the reason of a failure", async () => {
  const { finished, output } = await tell(
    { pagerduty: { routingKey: { $expr: "secrets.P" }, severity: "critical" } },
    { ...failing, secrets: { P: "env:CAPSTAN_SECRET_PAGER" } },
  );
  expect(finished).toEqual({ outcome: "succeeded", outputs: { delivered: true } });
  expect(output).not.toContain("R0123456789");
  expect(posts.at(-1)?.url).toBe("/v2/enqueue");
  expect(JSON.parse(posts.at(-1)?.body ?? "")).toEqual({
    routing_key: "R0123456789",
    event_action: "trigger",
    dedup_key: "capstan/default/sample",
    payload: {
      summary: "sample failed at load: no such table",
      source: "capstan/default",
      severity: "critical",
      component: "sample",
      custom_details: { run: "sample-1" },
    },
    client: "Capstan",
    client_url: "https://capstan.example.org/runs/sample-1",
  });
});

test("a recovery resolves what the failure has triggered", async () => {
  const executor = createExecutors({ ...settingsFrom({}), pagerdutyOrigin: origin, opsgenieOrigin: origin })["notify"];
  if (executor === undefined) throw new Error("no executor");
  for (const notify of [{ pagerduty: { routingKey: "R0123456789" } }, { opsgenie: { apiKey: "G-1" } }] as const) {
    const context = bench.context({ action: { notify } });
    const attempt = { ...context.attempt, task: "hooks.onRecovery.0" };
    await runPrepared(await executor.prepare({ ...context, attempt }));
  }
  const [pager, genie] = posts.slice(-2);
  expect(JSON.parse(pager?.body ?? "")).toEqual({
    routing_key: "R0123456789",
    event_action: "resolve",
    dedup_key: "capstan/default/sample",
  });
  expect(genie?.url).toBe("/v2/alerts/capstan%2Fdefault%2Fsample/close?identifierType=alias");
});

test("Opsgenie gets an alert with key, alias and priority; longer words are cut", async () => {
  const { finished } = await tell(
    { opsgenie: { apiKey: { $expr: "secrets.G" }, message: "x".repeat(200), priority: "P1" } },
    { ...failing, secrets: { G: "env:CAPSTAN_SECRET_GENIE" } },
  );
  expect(finished.outcome).toBe("succeeded");
  expect(JSON.parse(posts.at(-1)?.body ?? "")).toEqual({
    message: `${"x".repeat(129)}…`,
    alias: "capstan/default/sample",
    priority: "P1",
    source: "capstan/default",
    description: "https://capstan.example.org/runs/sample-1",
    details: { run: "sample-1", workflow: "sample" },
  });
});

test("what the services refuse is told in their words, without the key", async () => {
  expect((await tell({ pagerduty: { routingKey: "wrong-key" } })).finished.failure).toMatchObject({
    code: "http_status",
    message: `400 Bad Request from POST ${origin}/: Event object is invalid (bad trigger)`,
  });
  expect((await tell({ opsgenie: { apiKey: "wrong-key" } })).finished.failure).toMatchObject({
    code: "http_status",
    message: `401 Unauthorized from POST ${origin}/: API key is not valid`,
  });
});
