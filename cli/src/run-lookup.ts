import { AppError } from "@capstan/proto";
import type { Client } from "./api/client.ts";
import { parseReference, type Reference, type RunReference } from "./reference.ts";

/** A reference with its run as the control plane knows it: a name or a full id. */
export interface ResolvedReference extends Omit<Reference, "run"> {
  readonly run: string;
}

async function resolveRun(client: Client, run: RunReference): Promise<string> {
  if (run.kind === "name") return run.name;
  if (run.kind === "id") return run.id;
  if (run.kind === "last") {
    const isFailed = run.which === "last-failed";
    const wanted = run.which === "prev" ? 1 : 0;
    const { data } = await client.call("runList", {
      query: { limit: wanted + 1, ...(isFailed ? { state: ["failed", "timed_out"] } : {}) },
    });
    const found = data[wanted];
    if (found === undefined) throw new AppError("reference_unclear", `@${run.which}: there is no such run yet`);
    return found.name;
  }
  const { data } = await client.call("runList", { query: { limit: 500 } });
  const fitting = data.filter((one) => one.id.startsWith(run.prefix));
  const [only] = fitting;
  if (only === undefined)
    throw new AppError("reference_unclear", `no run of the newest 500 has an id that begins with ${run.prefix}`);
  if (fitting.length > 1)
    throw new AppError(
      "reference_unclear",
      `${run.prefix} fits ${fitting.length} runs: ${fitting
        .slice(0, 3)
        .map((one) => one.name)
        .join(", ")}`,
    );
  return only.id;
}

/** Reads a reference and asks for what its words leave open. @throws reference_unclear */
export async function resolveReference(client: Client, text: string): Promise<ResolvedReference> {
  const reference = parseReference(text);
  if (reference.project !== undefined && reference.project !== client.project) {
    throw new AppError(
      "reference_unclear",
      `${text} is in project ${reference.project}; say --project ${reference.project}`,
    );
  }
  const { run, ...rest } = reference;
  return { ...rest, run: await resolveRun(client, run) };
}
