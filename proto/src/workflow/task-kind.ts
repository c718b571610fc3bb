// What a task can do: one action each, with its short text form.
import * as z from "zod";
import { inputDeclaration } from "./value-schema.ts";
import { notifier } from "./notifier.ts";
import {
  durationText,
  json,
  jsonMap,
  nameText,
  requiredText,
  sizeValue,
  text,
  textMap,
  whole,
} from "./scalar-schema.ts";

const second = 1000;
const yearMs = 366 * 86_400 * second;
const code = requiredText(524_288);
const expression = text(8192);

/** `key: text` or the long form. */
const short = <T extends z.ZodType>(long: T) => z.union([code, long]);

const strings = z.array(text(65_536));

const run = short(
  z.strictObject({
    script: code.optional(),
    file: requiredText(1000).optional(),
    shell: z.enum(["bash", "sh", "pwsh", "cmd"]).optional(),
    workdir: text(4096).optional(),
  }),
);

export const pythonEnvironment = z.strictObject({
  kind: z.enum(["system", "venv", "uv"]).optional(),
  requirements: requiredText(1000).optional(),
  version: z
    .string()
    .regex(/^3\.(9|[1-9]\d)$/, { error: 'bad_value: a version is written "3.12"; it means that one or a later one' })
    .optional(),
  index: requiredText(1000)
    .regex(/^https?:\/\/[^\s@]+$/, {
      error:
        "bad_value: an index is an http or https address, without a password: those stand in the pip.conf of the agent",
    })
    .optional(),
  wheels: requiredText(1000).optional(),
});

const python = short(
  z.strictObject({
    call: requiredText(500).optional(),
    file: requiredText(1000).optional(),
    inline: code.optional(),
    environment: pythonEnvironment.optional(),
    warm: z.boolean().optional(),
  }),
);

const node = short(
  z.strictObject({
    file: requiredText(1000).optional(),
    inline: code.optional(),
    entry: requiredText(1000).optional(),
    warm: z.boolean().optional(),
  }),
);

const statusRange = z.union([
  whole(100, 599),
  z.string().regex(/^[1-5]\d\d-[1-5]\d\d$/, { error: 'bad_value: a range of statuses is written "200-299"' }),
]);

const http = short(
  z.strictObject({
    url: requiredText(8192),
    method: text(200).optional(),
    query: jsonMap.optional(),
    headers: textMap.optional(),
    auth: z
      .strictObject({
        bearer: text(8192).optional(),
        basic: z.strictObject({ user: text(8192), password: text(8192) }).optional(),
      })
      .refine((auth) => (auth.bearer === undefined) !== (auth.basic === undefined), {
        error: "bad_value: auth takes bearer or basic",
      })
      .optional(),
    json: json.optional(),
    body: text(262_144).optional(),
    form: jsonMap.optional(),
    file: text(8192).optional(),
    expect: z.strictObject({ status: z.array(statusRange).min(1).optional() }).optional(),
    saveAs: text(1000).optional(),
    followRedirects: whole(0, 5).optional(),
    maxBytes: sizeValue.optional(),
    ca: text(65_536).optional(),
  }),
);

const sql = short(
  z.strictObject({
    url: requiredText(8192),
    query: code.optional(),
    file: requiredText(1000).optional(),
    params: z.union([z.array(json), jsonMap]).optional(),
    result: z.enum(["rows", "value", "file", "none"]).optional(),
    format: z.enum(["csv", "jsonl"]).optional(),
    maxRows: whole(1, 1_000_000).optional(),
    transaction: z.boolean().optional(),
  }),
);

const container = short(
  z.strictObject({
    image: requiredText(1000),
    command: strings.optional(),
    args: strings.optional(),
    entrypoint: strings.optional(),
    workdir: text(4096).optional(),
    user: text(200).optional(),
    engine: z.enum(["docker", "kubernetes"]).optional(),
    pull: z.enum(["ifMissing", "always"]).optional(),
    kubernetes: z
      .strictObject({
        namespace: text(200).optional(),
        serviceAccount: text(200).optional(),
        nodeSelector: textMap.optional(),
        tolerations: z.array(jsonMap).optional(),
      })
      .optional(),
  }),
);

const sparkSize = z.strictObject({
  count: whole(1, 10_000).optional(),
  cpu: whole(1, 1024).optional(),
  memory: sizeValue.optional(),
});
const spark = z.strictObject({
  image: requiredText(1000),
  main: requiredText(4096),
  mainClass: text(1000).optional(),
  args: strings.optional(),
  conf: textMap.optional(),
  jars: strings.optional(),
  pyFiles: strings.optional(),
  driver: sparkSize.optional(),
  executors: sparkSize.optional(),
  namespace: text(200).optional(),
  serviceAccount: text(200).optional(),
  mode: z.enum(["operator", "submit"]).optional(),
  exchange: text(4096).optional(),
});

const ecs = short(
  z.strictObject({
    cluster: requiredText(1000),
    taskDefinition: requiredText(1000),
    region: text(100).optional(),
    container: text(200).optional(),
    command: strings.optional(),
    launchType: z.enum(["FARGATE", "EC2"]).optional(),
    capacityProvider: text(200).optional(),
    network: z
      .strictObject({
        subnets: strings.optional(),
        securityGroups: strings.optional(),
        publicIp: z.boolean().optional(),
      })
      .optional(),
    credentials: text(4096).optional(),
    exchange: text(4096).optional(),
  }),
);

const azureBatch = short(
  z.strictObject({
    account: requiredText(1000),
    batchPool: requiredText(1000),
    commandLine: requiredText(8192),
    job: text(200).optional(),
    image: text(1000).optional(),
    resourceFiles: z.array(jsonMap).optional(),
    credentials: text(4096).optional(),
    exchange: text(4096).optional(),
  }),
);

const celery = short(
  z.strictObject({
    broker: requiredText(4096),
    task: requiredText(500),
    args: z.array(json).optional(),
    queue: text(200).optional(),
    resultBackend: text(4096).optional(),
    wait: z.boolean().optional(),
    pollEvery: durationText(100, 3_600_000).optional(),
    revoke: z.boolean().optional(),
  }),
);

const workflow = short(z.strictObject({ name: nameText, version: text(100).optional(), wait: z.boolean().optional() }));

const approval = short(
  z.strictObject({
    title: requiredText(500),
    message: text(16_384).optional(),
    from: z.array(requiredText(300)).min(1),
    need: whole(1, 20).optional(),
    form: z.record(nameText, inputDeclaration).optional(),
    timeout: durationText(second, yearMs).optional(),
    onTimeout: z.enum(["reject", "approve"]).optional(),
    onReject: z.enum(["fail", "continue"]).optional(),
    allowStarter: z.boolean().optional(),
    remindEvery: durationText(60 * second, yearMs).optional(),
  }),
);

const wait = short(
  z.strictObject({
    for: text(200).optional(),
    until: text(200).optional(),
    event: z
      .strictObject({
        type: requiredText(200),
        if: expression.optional(),
        timeout: durationText(second, yearMs).optional(),
        onTimeout: z.enum(["fail", "continue"]).optional(),
      })
      .optional(),
  }),
);

/** Every action by its key. */
export const actionShape = {
  run: run.optional(),
  python: python.optional(),
  node: node.optional(),
  http: http.optional(),
  sql: sql.optional(),
  container: container.optional(),
  spark: spark.optional(),
  ecs: ecs.optional(),
  azureBatch: azureBatch.optional(),
  celery: celery.optional(),
  uses: requiredText(200).optional(),
  notify: notifier.optional(),
  workflow: workflow.optional(),
  approval: approval.optional(),
  wait: wait.optional(),
};
export const actionNames = [
  "run",
  "python",
  "node",
  "http",
  "sql",
  "container",
  "spark",
  "ecs",
  "azureBatch",
  "celery",
  "uses",
  "notify",
  "workflow",
  "approval",
  "wait",
] as const;
export type ActionName = (typeof actionNames)[number];
/** Actions that the control plane carries itself. */
export const controlPlaneActions: ReadonlySet<string> = new Set(["workflow", "approval", "wait"]);
