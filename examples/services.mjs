// The outside world of the examples, on loopback: a web server with the CSV file, a Slack-compatible webhook receiver and
// an SMTP server. `capstan dev` starts it (`capstan.dev.json`) and reads the one line that it prints: settings for the
// agent's environment, and inputs for the first runs.
//  V1. Every address has a random port; the webhook and the mail server ask for a secret made at start.
//  V2. It lives as long as its stdin is open.
//  V3. What arrives is one JSON file each under `received/` of the data folder, written whole before it is answered.
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { SMTPServer } from "smtp-server";

const dataFolder = path.resolve(process.env.CAPSTAN_DATA_DIR ?? ".capstan");
const received = path.join(dataFolder, "received");
await mkdir(received, { recursive: true, mode: 0o700 });

const require = createRequire(import.meta.url);
const csv = path.join(path.dirname(require.resolve("vega-datasets")), "..", "data", "seattle-weather.csv");

const slackPath = `/services/${randomBytes(18).toString("base64url")}`;
const mailPassword = randomBytes(18).toString("base64url");
const bodyBytesMax = 64 * 1024;
let arrived = 0;

/** Writes one message as `<time>-NNNN-slack.json` or `…-email.json`, in order; a reader never sees half a file. */
async function record(channel, message) {
  arrived += 1;
  const name = `${Date.now()}-${String(arrived).padStart(4, "0")}-${channel}.json`;
  const draft = path.join(received, `.${name}.part`);
  await writeFile(draft, `${JSON.stringify({ channel, at: new Date().toISOString(), ...message }, null, 2)}\n`, {
    mode: 0o600,
  });
  await rename(draft, path.join(received, name));
}

async function readBody(stream) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Error("the message is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function answer(request, response) {
  if (request.method === "GET" && request.url === "/seattle-weather.csv") {
    response.writeHead(200, { "content-type": "text/csv; charset=utf-8" });
    createReadStream(csv).pipe(response);
    return;
  }
  if (request.method === "POST" && request.url === slackPath) {
    const body = JSON.parse(await readBody(request));
    if (typeof body.text !== "string") {
      response.writeHead(400).end("no_text");
      return;
    }
    await record("slack", { text: body.text });
    response.writeHead(200, { "content-type": "text/plain" }).end("ok");
    return;
  }
  response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
}

const web = createServer((request, response) => {
  answer(request, response).catch((error) => {
    process.stderr.write(
      `${request.method} ${request.url === slackPath ? "the webhook" : request.url}: ${error.message}\n`,
    );
    if (!response.headersSent) response.writeHead(400).end("bad_request");
  });
});

/** A mail's headers and text. Enough for the plain messages that the examples send; the raw text is kept beside. */
function readMail(raw) {
  const end = raw.indexOf("\r\n\r\n");
  const headers = new Map();
  for (const line of raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n")) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const body = raw.slice(end + 4);
  const encoding = headers.get("content-transfer-encoding")?.toLowerCase();
  const bytes =
    encoding === "base64"
      ? Buffer.from(body, "base64")
      : Buffer.from(
          encoding === "quoted-printable"
            ? body.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
            : body,
          encoding === "quoted-printable" ? "latin1" : "utf8",
        );
  return { subject: headers.get("subject") ?? "", text: bytes.toString("utf8").trim() };
}

const mail = new SMTPServer({
  disabledCommands: ["STARTTLS"],
  allowInsecureAuth: true, // loopback only
  size: bodyBytesMax,
  logger: false,
  onAuth(auth, session, done) {
    if (auth.username === "capstan" && auth.password === mailPassword) done(null, { user: auth.username });
    else done(new Error("wrong user or password"));
  },
  onData(stream, session, done) {
    readBody(stream)
      .then((raw) =>
        record("email", {
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : "",
          to: session.envelope.rcptTo.map((recipient) => recipient.address),
          ...readMail(raw),
          raw,
        }),
      )
      .then(() => done(), done);
  },
});
mail.on("error", (error) => process.stderr.write(`mail: ${error.message}\n`));

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
await Promise.all([listening(web), listening(mail)]);
const webPort = web.address().port;
const mailPort = mail.server.address().port;

process.stdout.write(
  `${JSON.stringify({
    env: {
      CAPSTAN_SECRET_SLACK_WEBHOOK: `http://127.0.0.1:${webPort}${slackPath}`,
      CAPSTAN_SECRET_SMTP: `smtp://capstan:${mailPassword}@127.0.0.1:${mailPort}`,
    },
    inputs: {
      daily_csv_to_sqlite: {
        url: `http://127.0.0.1:${webPort}/seattle-weather.csv`,
        db: path.join(dataFolder, "daily.db"),
      },
      weather_report: {
        url: `http://127.0.0.1:${webPort}/seattle-weather.csv`,
        db: path.join(dataFolder, "weather.db"),
      },
    },
  })}\n`,
);

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
// Who started it holds the other end of stdin; when that is gone, nothing of ours may keep listening.
process.stdin.resume().on("end", () => process.exit(0));
