import { writeFileSync, existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Option, type Command } from "commander";
import { AppError } from "@capstan/proto";
import type { Context } from "../context.ts";
import { isOnPath, writeHello } from "../dev/first-workflow.ts";
import { writeWorkflowSchema } from "../project/editor-schema.ts";

/** `capstan init`: a folder to begin with. Never overwrites a file. */
export function registerInit(program: Command, context: (command: Command) => Context): void {
  program
    .command("init")
    .summary("write a first workflow and the schema for editors")
    .argument("[dir]", "folder of the project", ".")
    .addOption(new Option("--lang <language>", "language of the workflow").choices(["yaml"]).default("yaml"))
    .addOption(new Option("--example <name>", "which workflow").choices(["hello"]).default("hello"))
    .action((dir: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const root = resolve(ctx.cwd, dir);
      const written: string[] = [];
      try {
        mkdirSync(root, { recursive: true });
        if (writeHello(join(root, "workflows"), isOnPath("python3", ctx.environment.childEnv["PATH"] ?? "")))
          written.push("workflows/hello.yaml");
        writeWorkflowSchema(join(root, ".capstan"));
        written.push(".capstan/schema/workflow-v1.json");
        const ignore = join(root, ".gitignore");
        if (!existsSync(ignore)) {
          writeFileSync(ignore, ".capstan/\n", { flag: "wx" });
          written.push(".gitignore");
        }
      } catch (error) {
        throw new AppError(
          "file_unreadable",
          `${root} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error },
        );
      }
      const columns = [{ title: "WROTE", key: "file", value: (file: string) => file }];
      ctx.out.list(written, columns, (file) => file);
      ctx.out.hint(`capstan dev${dir === "." ? "" : ` (in ${dir})`}`);
    });
}
