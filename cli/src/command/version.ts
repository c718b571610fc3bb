import type { Command } from "commander";
import type { Context } from "../context.ts";
import { ownVersion } from "../dev/package-path.ts";

/** `capstan version`: ours, and with --check the control plane's. */
export function registerVersion(program: Command, context: (command: Command) => Context): void {
  program
    .command("version")
    .summary("print versions")
    .option("--check", "ask the control plane for its own")
    .action(async (flags: { readonly check?: boolean }, command: Command) => {
      const ctx = context(command);
      const own = { version: ownVersion(), node: process.versions.node };
      const server = flags.check === true ? await ctx.client().call("version") : undefined;
      const value = server === undefined ? own : { ...own, server };
      const lines = [
        `capstan ${own.version} (node ${own.node})`,
        ...(server === undefined
          ? []
          : [
              `server  ${server.version} (schema ${server.schema}, agents ${server.protocol.min}–${server.protocol.max})`,
            ]),
      ];
      ctx.out.one(value, own.version, () => lines.join("\n") + "\n");
    });
}
