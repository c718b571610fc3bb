import type { Command } from "commander";
import type { Context } from "../context.ts";
import { openAddress } from "../dev/keys.ts";
import { resolveReference } from "../run-lookup.ts";

/** `capstan open`: the console in a browser, signed in where this machine runs it. */
export function registerOpen(program: Command, context: (command: Command) => Context): void {
  program
    .command("open")
    .summary("open the console, or the page of a run")
    .argument("[ref]", "RUN[/TASK], an id, or @last")
    .action(async (text: string | undefined, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      if (text === undefined) {
        const { url } = await client.call("signInLink");
        ctx.out.one({ url }, url, () => `${url}\n`);
        if (ctx.out.isTerminal) await openAddress(url);
        return;
      }
      const { run, task } = await resolveReference(client, text);
      const { name } = await client.call("runGet", { params: { run } });
      const url = client.page(`/runs/${name}${task === undefined ? "" : `/${task}`}`);
      ctx.out.one({ url }, url, () => `${url}\n`);
      if (ctx.out.isTerminal) await openAddress(url);
    });
}
