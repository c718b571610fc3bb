// `capstan dev --attach`: the address of the one that runs, and a line for each run that begins or ends.
import { isRunEnded, liveFrameSchema, runStates } from "@capstan/proto";
import { resumingEvents } from "../api/event-stream.ts";
import { connectLocal, localServer } from "../connection.ts";
import type { Output } from "../output/output.ts";
import { isPassing } from "../run-watch.ts";

/** Follows until Ctrl-C or until the other one has stopped. */
export async function attach(dataDir: string, out: Output): Promise<number> {
  const url = localServer(dataDir);
  const client = connectLocal(url, dataDir);
  const { url: link } = await client.call("signInLink");
  out.talk(`  attached to ${url}`);
  out.talk(`  sign in: ${link}   (once, this machine only)`);
  const open = (last: string | undefined): ReturnType<typeof client.events> =>
    client.events("eventStream", { query: { topics: "runs" } }, last);
  for await (const event of resumingEvents({ open, isPassing, patienceMs: 5000 })) {
    if (event.type !== "run") continue;
    const { patch } = liveFrameSchema.parse(JSON.parse(event.data));
    const state = runStates.find((known) => known === patch["state"]);
    if (state === undefined || typeof patch["name"] !== "string") continue;
    if (out.format === "jsonl")
      out.data(
        JSON.stringify({ event: "run", run: patch["name"], state, url: client.page(`/runs/${patch["name"]}`) }) + "\n",
      );
    else if (isRunEnded(state) || state === "running")
      out.data(`  ${out.state(state)}  ${patch["name"]}   ${client.page(`/runs/${patch["name"]}`)}\n`);
  }
  return 0;
}
