// Our own log: one JSON object a line on standard error.
//  L1. `msg` is constant text; values go into fields.
//  L2. Inputs, outputs, headers, tokens and query strings are never logged; the paths below are the net under that.
import { pino, type Logger } from "pino";
import type { LogLevel } from "../config.ts";

export type Log = Logger;

const secretPaths = [
  "token",
  "password",
  "secret",
  "authorization",
  "cookie",
  "inputs",
  "outputs",
  "headers",
  "query",
  "body",
];

export function createLog(options: { readonly level: LogLevel; readonly format: "json" | "pretty" }): Log {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      redact: { paths: [...secretPaths, ...secretPaths.map((name) => `*.${name}`)], censor: "[hidden]" },
    },
    options.format === "pretty" ? prettyStream : pino.destination({ fd: 2, sync: true }),
  );
}

/** Type, message and stack; nothing else that a library may have hung on its error, such as a connection string. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: errorFields(error.cause) };
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}

const prettyStream = {
  write(line: string): void {
    const { time, level, component, msg, ...rest } = JSON.parse(line) as Record<string, unknown>; // pino wrote it
    const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
    const fields = Object.entries(rest).map(([key, value]) => ` ${key}=${text(value)}`);
    const head = [
      text(time).slice(11, 23),
      text(level).padEnd(5),
      component === undefined ? "" : text(component),
      text(msg),
    ];
    process.stderr.write(`${head.join(" ")}${fields.join("")}\n`);
  },
};
