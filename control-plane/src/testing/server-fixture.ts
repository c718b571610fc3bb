// The whole control plane on a database of its own, without agents, asked by HTTP as its owner: for tests of routes.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pino } from "pino";
import { readConfig } from "../config.ts";
import { startServer } from "../server.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON of the answer; an empty object where there is none. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ServerFixture {
  readonly url: string;
  /** Of this machine: it may do everything. */
  readonly token: string;
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Deploys one workflow; throws where it is refused. */
  deploy(source: string): Promise<void>;
  close(): Promise<void>;
}

/** @param settings of the environment, beside those of every test */
export async function serverFixture(
  database: { readonly url: string },
  settings: Readonly<Record<string, string>> = {},
): Promise<ServerFixture> {
  const folder = mkdtempSync(path.join(tmpdir(), "capstan-server-"));
  const server = await startServer({
    config: readConfig({
      CAPSTAN_DATABASE_URL: database.url,
      CAPSTAN_HTTP__PORT: "0",
      CAPSTAN_DATA_DIR: folder,
      CAPSTAN_CONSOLE__URL: "http://127.0.0.1:9",
      ...settings,
      ...settings,
    }),
    log: pino({ level: "silent" }),
    version: "0.0.0",
    signal: new AbortController().signal,
  });
  const token = readFileSync(path.join(folder, "keys", "local"), "utf8");
  const call = callerOf(server.url, token);
  return {
    url: server.url,
    token,
    call,
    deploy: async (source) => {
      const { status, body } = await call("POST", "/projects/default/deploys", {
        documents: [{ file: "w.yaml", source }],
      });
      if (status !== 200) throw new Error(`deploy: ${status} ${JSON.stringify(body)}`);
    },
    close: async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Calls the API of a server with a token. */
export const callerOf =
  (url: string, token: string): ServerFixture["call"] =>
  async (method, target, body, headers = {}) => {
    const answer = await fetch(`${url}/api/v1${target}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    // An answer of ours is an object.
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === "" ? {} : (JSON.parse(text) as object),
    } as Answer;
  };
