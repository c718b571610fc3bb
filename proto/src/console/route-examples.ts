// An example for each body and each part of a path: what stands in OpenAPI and what a newcomer copies. A route with a body and
// no example, or a path with an unknown part, does not compile.
import type { z } from "zod";
import type { RouteBody, RouteName, RouteParams, RouteTable } from "./route-types.ts";

type WithBody = {
  [N in RouteName]: RouteTable[N] extends { readonly body: z.ZodType } ? N : never;
}[RouteName];
type Parameter = { [N in RouteName]: keyof RouteParams<N> }[RouteName];

const reason = "the source is being moved";
const documents = [
  { file: "hello.yaml", source: 'version: 1\nname: hello\ntasks: { greet: { run: "echo hello" } }\n' },
];
const filter = { workflow: ["nightly"], state: ["failed" as const], createdAfter: "2026-11-01T00:00:00.000Z" };
const token = "k3tt1dy3fpd8yfgt5cy4tqkf";

export const routeExamples: { readonly [N in WithBody]: RouteBody<N> } = {
  agentDrain: { reason },
  agentRelabel: { labels: { gpu: "a100", zone: null } },
  agentRevoke: { reason: "the machine was sold" },
  backfillCancel: { reason },
  backfillPause: { reason },
  backfillStart: { workflow: "nightly", from: "2026-11-01", to: "2026-12-01", maxParallel: 4, dryRun: true },
  ciToken: { subjectToken: "eyJhbGciOi…", project: "default" },
  deployCreate: { documents, message: "greets in one line", dryRun: true },
  deviceDecide: { userCode: "BCDF-GHJK", decision: "approve" },
  deviceStart: { client: "capstan 0.1.0 on laptop" },
  deviceToken: { deviceCode: token },
  endpointChange: { types: ["run.failed", "run.late"], workflows: null },
  endpointCreate: { url: "https://ops.example.org/capstan", types: ["run.failed"], format: "standard" },
  eventSend: { type: "file.arrived", data: { path: "/in/orders.csv" } },
  exchange: { token },
  invitationAccept: { token, password: "a sentence that only you know" },
  joinTokenCreate: { uses: 1, expiresInMs: 900_000, labels: { zone: "lab" } },
  limitSet: { capacity: 60, perMs: 60_000 },
  memberSet: { role: "operator" },
  passwordSignIn: { name: "ana", password: "a sentence that only you know" },
  projectChange: { description: "what the shop sells" },
  projectCreate: { name: "sales" },
  runCancel: { reason: "wrong input" },
  runPause: { reason },
  runRerun: { version: "latest" },
  runRetry: { mode: "failed" },
  runStart: { inputs: { who: "ana" }, labels: { team: "data" }, dedupeKey: "ana" },
  runStartBatch: { runs: [{ inputs: { who: "ana" } }, { inputs: { who: "jo" } }] },
  runsCancel: { filter, dryRun: true },
  runsRerun: { filter, expectCount: 12 },
  runsRetry: { filter, expectCount: 12, mode: "failed" },
  schedulePause: { reason },
  serviceAccountCreate: { name: "reporting", role: "viewer" },
  taskApprove: { form: { amount: 12 }, comment: "as agreed" },
  taskCancel: { reason: "not needed any more" },
  taskMark: { state: "skipped", reason: "done by hand" },
  taskReject: { comment: "too much" },
  taskSkipWait: { reason: "the file is there" },
  tokenCreate: { name: "board", scopes: ["runs:read"], expiresInMs: 2_592_000_000, serviceAccount: "reporting" },
  userAdd: { name: "ana" },
  validate: { documents },
  variableSet: { value: "eu-central-1" },
  webhookDisable: { reason },
  webhookRotate: { overlapMs: 86_400_000 },
  webhookTest: { body: { ref: "refs/heads/main" } },
  workflowPause: { reason },
  workflowRollback: { version: 3, reason: "empty files again" },
};

export const parameterExamples: { readonly [P in Parameter]: string } = {
  agent: "onprem-a",
  backfill: "bf_01k3tt1dy3fpd8yfgt5cy4tqkf",
  delivery: "dlv_01k3tt1dy3fpd8yfgt5cy4tqkf",
  endpoint: "ep_01k3tt1dy3fpd8yfgt5cy4tqkf",
  hook: "push",
  limit: "warehouse",
  message: "msg_01k3tt1dy3fpd8yfgt5cy4tqkf",
  name: "report.csv",
  operation: "op_01k3tt1dy3fpd8yfgt5cy4tqkf",
  pool: "default",
  project: "default",
  run: "hello-1",
  schedule: "nightly.daily",
  secret: "k3tt1dy3fpd8yfgt5cy4tqkf",
  sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  task: "greet",
  token: "tok_01k3tt1dy3fpd8yfgt5cy4tqkf",
  trigger: "deploy_site.push",
  user: "ana",
  variable: "region",
  version: "3",
  webhook: "deploy_site.push",
  workflow: "hello",
};
