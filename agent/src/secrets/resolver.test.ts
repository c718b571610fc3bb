import { createServer, type IncomingMessage, type Server } from "node:http";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AppError } from "@capstan/proto";
import { createSecretResolver } from "./resolver.ts";
import { parseReference, referenceText } from "./vault-path.ts";

const folder = mkdtempSync(join(tmpdir(), "capstan-secrets-"));
mkdirSync(join(folder, "mounted"));
writeFileSync(join(folder, "mounted", "password"), "from-file\n");
writeFileSync(join(folder, "mounted", "db.json"), '{"user":"u","password":"from-json"}');
writeFileSync(join(folder, "mounted", "broken.json"), '{"password":"half');
writeFileSync(join(folder, "mounted", "large"), Buffer.alloc(1024 * 1024 + 1));
symlinkSync("/etc/passwd", join(folder, "mounted", "link"));
symlinkSync("/etc", join(folder, "mounted", "etc"));

let vault: Server;
let thief: Server;
let address = "";
const asked: { url: string; headers: IncomingMessage["headers"] }[] = [];
const stolen: unknown[] = [];
let sealedAnswers = 0;

const listen = async (made: Server): Promise<string> => {
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
};
beforeAll(async () => {
  thief = createServer((request, response) => {
    stolen.push(request.headers);
    response.end("{}");
  });
  const thiefAddress = await listen(thief);
  vault = createServer((request, response) => {
    asked.push({ url: request.url ?? "", headers: request.headers });
    const json = (status: number, body: unknown): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.url === "/v1/kv/data/team/db")
      json(200, { data: { data: { dsn: "from-vault", port: 5432, list: [1] }, metadata: { version: 2 } } });
    else if (request.url === "/v1/kv/data/team/db?version=1") json(200, { data: { data: { dsn: "old" } } });
    else if (request.url === "/v1/old/team/db") json(200, { data: { dsn: "engine-1" } });
    else if (request.url === "/v1/kv/data/team/denied")
      json(403, { errors: ["1 error: permission denied with leaked-body"] });
    else if (request.url === "/v1/kv/data/team/moved")
      response.writeHead(307, { location: `${thiefAddress}/v1/kv/data/team/db` }).end();
    else if (request.url === "/v1/kv/data/team/sealed") {
      sealedAnswers++;
      json(503, { errors: ["Vault is sealed"] });
    } else if (request.url === "/v1/kv/data/team/big") response.end(Buffer.alloc(2 * 1024 * 1024, "a"));
    else json(404, { errors: [] });
  });
  address = await listen(vault);
});
afterAll(() => {
  for (const made of [vault, thief]) {
    made.closeAllConnections();
    made.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

const resolve = async (reference: string): Promise<string | undefined> => {
  const resolver = createSecretResolver(
    {
      folders: { mounted: join(folder, "mounted") },
      vaults: {
        main: { address, token: () => "the-token", namespace: "ns1" },
        old: { address, token: () => "the-token", engine: 1 },
        gone: { address: "http://127.0.0.1:1", token: () => "the-token" },
      },
    },
    { CAPSTAN_SECRET_A: "from-env", CAPSTAN_SECRET_EMPTY: "", HOME: "/root" },
  );
  return (await resolver.resolve({ X: reference }, new AbortController().signal)).get("X");
};
const codeOf = async (reference: string): Promise<string> => {
  try {
    await resolve(reference);
    return "resolved";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.message).not.toMatch(/leaked-body|half|the-token/);
    return error.code;
  }
};

test("each form gives its value", async () => {
  expect(await resolve("env:CAPSTAN_SECRET_A")).toBe("from-env");
  expect(await resolve("file:mounted/password")).toBe("from-file");
  expect(await resolve("file:mounted/db.json#password")).toBe("from-json");
  expect(await resolve("vault:main/kv/team/db#dsn")).toBe("from-vault");
  expect(await resolve("vault:main/kv/team/db#dsn@1")).toBe("old");
  expect(await resolve("vault:main/kv/team/db#port")).toBe("5432");
  expect(await resolve("vault:old/old/team/db#dsn")).toBe("engine-1");
});

test("the store is asked with exactly the token and namespace of its configuration", async () => {
  await resolve("vault:main/kv/team/db#dsn");
  expect(asked.at(-1)).toMatchObject({
    url: "/v1/kv/data/team/db",
    headers: { "x-vault-token": "the-token", "x-vault-namespace": "ns1" },
  });
});

const outcomes: readonly (readonly [string, string])[] = [
  ["env:HOME", "policy_denied"],
  ["env:CAPSTAN_SECRET_EMPTY", "secret_unavailable"],
  ["env:CAPSTAN_SECRET_NONE", "secret_unavailable"],
  ["file:other/password", "policy_denied"],
  ["file:constructor/password", "policy_denied"],
  ["file:mounted/none", "secret_unavailable"],
  ["file:mounted/link", "secret_unavailable"],
  ["file:mounted/etc/passwd", "secret_unavailable"],
  ["file:mounted/etc", "secret_unavailable"],
  ["file:mounted/large", "secret_unavailable"],
  ["file:mounted/broken.json#password", "secret_unavailable"],
  ["file:mounted/db.json#none", "secret_unavailable"],
  ["vault:other/kv/team/db#dsn", "policy_denied"],
  ["vault:main/kv/team/denied#dsn", "secret_denied"],
  ["vault:main/kv/team/none#dsn", "secret_unavailable"],
  ["vault:main/kv/team/db#list", "secret_unavailable"],
  ["vault:main/kv/team/db#constructor", "secret_unavailable"],
  ["vault:main/kv/team/big#dsn", "secret_unavailable"],
  ["vault:gone/kv/team/db#dsn", "secret_unavailable"],
];
for (const [reference, code] of outcomes) {
  test(`${reference} ends as ${code} and shows nothing`, async () => {
    expect(await codeOf(reference)).toBe(code);
  });
}

test("a sealed store is asked three times, then it is unavailable", async () => {
  sealedAnswers = 0;
  expect(await codeOf("vault:main/kv/team/sealed#dsn")).toBe("secret_unavailable");
  expect(sealedAnswers).toBe(3);
});

test("a redirect is not followed, so the token reaches no other origin", async () => {
  expect(await codeOf("vault:main/kv/team/moved#dsn")).toBe("secret_unavailable");
  expect(stolen).toEqual([]);
});

const malformed = [
  "",
  "env:",
  "env:A-B",
  "env:A B",
  "http://x/y",
  "vault:main/kv/../sys/x#k",
  "vault:main/kv/./x#k",
  "vault:main/kv/x?list=true#k",
  "vault:main/kv/x%2e%2e#k",
  "vault:main/kv/x#k#l",
  "vault:main/kv/x",
  "vault:main/kv#k",
  "vault:main//kv/x#k",
  "vault:main/kv/x#k@0",
  "vault:main/kv/x#k@1@2",
  "vault:main/kv/x#",
  "vault:main/kv/{{x}}#k",
  "vault:main\\kv/x#k",
  "file:mounted",
  "file:mounted/../x",
  "file:/etc/passwd",
  "file:mounted/x#a/b",
  `vault:main/kv/${"a/".repeat(20)}b#k`,
  `vault:main/kv/${"a".repeat(129)}#k`,
  `env:${"A".repeat(600)}`,
];
for (const reference of malformed) {
  test(`the reference ${JSON.stringify(reference.slice(0, 40))} is refused before anything is asked`, async () => {
    const before = asked.length;
    expect(await codeOf(reference)).toBe("secret_reference_invalid");
    expect(asked.length).toBe(before);
  });
}

test("a parsed reference is written back byte for byte", () => {
  for (const text of [
    "env:CAPSTAN_SECRET_A",
    "file:a/b/c.json#k",
    "file:a/b",
    "vault:a/kv/x/y#k",
    "vault:a/kv/x#k@12",
  ]) {
    expect(referenceText(parseReference(text))).toBe(text);
  }
});
