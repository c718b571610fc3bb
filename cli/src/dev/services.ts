// Helper processes of a folder of workflows, for examples and tests: `capstan.dev.json`.
//  V1. A service prints one JSON line when it is ready: settings for the agent's environment, and inputs of first runs.
//  V2. It runs in the folder of the file, with CAPSTAN_DATA_DIR, and ends with `dev`.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AppError } from "@capstan/proto";
import { z } from "zod";
import { parseLimitSize } from "../limit-size.ts";
import { Part } from "./part.ts";

const devFileSchema = z.strictObject({
  services: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z][a-z0-9_-]{0,30}$/),
        run: z.array(z.string()).min(1),
        env: z.record(z.string(), z.string()).optional(),
      }),
    )
    .default([]),
  /** Labels that the agent's join token pins: unlike those of `--agent-labels`, data classes may rest on them. */
  labels: z.record(z.string().regex(/^[a-z][a-zA-Z0-9_.-]{0,62}$/), z.string().max(200)).default({}),
  /** Limits that the workflows take of, made where the project does not have them: `{ "db": "2", "api": "60/1m" }`. */
  limits: z
    .record(
      z.string(),
      z.string().transform((text, context) => {
        const size = parseLimitSize(text);
        if (size !== undefined) return size;
        context.addIssue("write a capacity such as 4, or a rate such as 60/1m");
        return z.NEVER;
      }),
    )
    .default({}),
  /** Workflows that run at the first start, in order. */
  run: z.array(z.string()).default([]),
});
export type DevFile = z.infer<typeof devFileSchema>;

const readySchema = z.object({
  env: z.record(z.string().regex(/^CAPSTAN_SECRET_[A-Z0-9_]{1,60}$/), z.string()).default({}),
  inputs: z.record(z.string(), z.record(z.string(), z.json())).default({}),
});
/** What a service gives: environment of the agent, inputs by workflow. */
export type ServiceExports = z.infer<typeof readySchema>;

/** `capstan.dev.json` beside or above the workflows, or undefined. @throws file_unreadable */
export function readDevFile(folder: string): { file: DevFile; folder: string } | undefined {
  for (const place of [folder, dirname(folder)]) {
    const path = join(place, "capstan.dev.json");
    if (!existsSync(path)) continue;
    const parsed = devFileSchema.safeParse(safeJson(readFileSync(path, "utf8")));
    if (!parsed.success)
      throw new AppError("file_unreadable", `${path} is not as it should be: ${z.prettifyError(parsed.error)}`);
    return { file: parsed.data, folder: place };
  }
  return undefined;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface StartedServices {
  readonly parts: readonly Part[];
  readonly exports: ServiceExports;
}

const readyTimeoutMs = 20_000;

/** Starts the services and waits for their lines. @throws part_failed */
export async function startServices(
  found: { file: DevFile; folder: string },
  dataDir: string,
  env: Readonly<Record<string, string>>,
): Promise<StartedServices> {
  const parts = found.file.services.map((service) => {
    const [command = "", ...args] = service.run;
    return new Part({
      name: service.name,
      // `node` means the one that runs this, not whatever the host's PATH has.
      command: command === "node" ? process.execPath : command,
      args,
      cwd: resolve(found.folder),
      env: { ...env, ...service.env, CAPSTAN_DATA_DIR: dataDir },
      logFile: join(dataDir, "log", `service-${service.name}.log`),
    });
  });
  try {
    const lines = await Promise.all(parts.map((part) => part.line(() => true, readyTimeoutMs)));
    const given = lines.map((line) => readySchema.parse(line));
    return {
      parts,
      exports: {
        env: Object.assign({}, ...given.map((one) => one.env)),
        inputs: Object.assign({}, ...given.map((one) => one.inputs)),
      },
    };
  } catch (error) {
    for (const part of parts) part.kill();
    throw error;
  }
}
