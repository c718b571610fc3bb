// An executor for tests of runner and agent: runs the task's shell script with nothing around it.
import { existsSync, readFileSync } from "node:fs";
import type { CanonicalWorkflow, JsonObject } from "@capstan/proto";
import type { Executor, Executors } from "../execute/executor.ts";

const script: Executor = {
  prepare(context) {
    const { action } = context.task;
    if (!("run" in action)) throw new Error("only `run` here");
    const outputs = `${context.attemptDir}/outputs.json`;
    // A test's document holds literal text only.
    const text = (action.run as { script: string }).script;
    const secret = context.attempt.secrets[0];
    if (secret !== undefined) context.mask([secret]);
    return Promise.resolve({
      kind: "process",
      argv: ["/bin/sh", "-c", text],
      cwd: context.spaceDir,
      env: {
        PATH: process.env["PATH"] ?? "/bin",
        OUT: outputs,
        SECRET: secret ?? "",
        EVENTS: `${context.attemptDir}/events`,
      },
      eventsFile: `${context.attemptDir}/events`,
      cancelFile: `${context.attemptDir}/cancel`,
      collect: ({ exitCode, signal }) => {
        if (exitCode !== 0) {
          const message = `exit ${exitCode ?? signal ?? ""}`;
          return Promise.resolve({ outcome: "failed", failure: { class: "error", code: "exit", message } });
        }
        const given = existsSync(outputs) ? (JSON.parse(readFileSync(outputs, "utf8")) as JsonObject) : undefined; // a test's own
        return Promise.resolve({ outcome: "succeeded", ...(given === undefined ? {} : { outputs: given }) });
      },
    });
  },
};

export const scriptExecutors: Executors = { run: script };

/** A document whose tasks run these shell scripts. */
export const scriptDocument = (scripts: Readonly<Record<string, string>>): CanonicalWorkflow => ({
  version: 1,
  name: "test",
  tasks: Object.fromEntries(
    Object.entries(scripts).map(([key, text]) => [key, { action: { run: { script: text } }, needs: [] }]),
  ) as unknown as CanonicalWorkflow["tasks"], // tests write the shape of RunAction that their executor reads
});
