import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { digestOf, readWorkflow, withBundle, type CanonicalWorkflow } from "@capstan/proto";
import { Client } from "../api/client.ts";
import type { Bundle } from "./bundle.ts";
import { changesOf } from "./changes.ts";

const textOf = (command: string): string => `version: 1\nname: daily\ntasks:\n  one: { run: ${command} }\n`;
const at = "2027-01-05T10:00:00.000Z";
const deployed = { bundle: "a".repeat(64), text: textOf("date") };

function documentOf(text: string): CanonicalWorkflow {
  const { document } = readWorkflow({ text });
  if (document === undefined) throw new Error("the text is a workflow");
  return document;
}

const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url ?? "");
  const document = withBundle(documentOf(deployed.text), deployed.bundle);
  const digest = digestOf(document);
  const version = { workflow: "daily", version: 3, digest, active: true, sourceFile: "daily.yaml" };
  const workflow = {
    id: "wf",
    name: "daily",
    title: null,
    description: null,
    owner: null,
    tags: [],
    digest,
    version: 3,
  };
  const isVersion = request.url?.includes("/versions/") === true;
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify(
      isVersion
        ? {
            ...version,
            bundleSha256: deployed.bundle,
            createdAt: at,
            createdBy: "me",
            derivedFrom: null,
            document,
            source: deployed.text,
          }
        : {
            ...workflow,
            deployedAt: at,
            deployedBy: "me",
            createdAt: at,
            pause: null,
            lastRuns: [],
            inputs: {},
            tasks: [],
            sourceFile: "daily.yaml",
          },
    ),
  );
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => server.close());

async function changeTo(text: string, sha256: string) {
  asked.length = 0;
  const { port } = server.address() as AddressInfo; // it listens on a port
  const client = new Client({ server: `http://127.0.0.1:${port}`, token: undefined, project: "default" });
  const bundle: Bundle = { sha256, bytes: new Uint8Array() } as Bundle; // only its digest is asked for
  const [change] = await changesOf(client, [
    { document: { file: "daily.yaml", source: text, bundleSha256: sha256 }, bundle, places: {} },
  ]);
  return change;
}

test("what is deployed already is told as unchanged by its digest, without fetching its text", async () => {
  const change = await changeTo(deployed.text, deployed.bundle);
  expect(change).toMatchObject({ result: "unchanged", version: 3, lines: [] });
  expect(asked.filter((path) => path.includes("/versions/"))).toEqual([]);
});

test("another command is a change of that line, and other code alone is one too", async () => {
  const changed = await changeTo(textOf("uptime"), deployed.bundle);
  expect(changed?.result).toBe("changed");
  expect(
    changed?.lines.filter(({ mark }) => mark === "+" || mark === "-").map(({ mark, text }) => mark + text.trim()),
  ).toEqual(["-run: date", "+run: uptime"]);
  const moved = await changeTo(deployed.text, "b".repeat(64));
  expect(moved?.result).toBe("changed");
  expect(moved?.lines.filter(({ mark }) => mark === "+").map(({ text }) => text)).toContain(`# code ${"b".repeat(12)}`);
});
