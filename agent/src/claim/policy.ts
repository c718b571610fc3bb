// The policy file of a host: its owner has the last word about what runs there, whatever the control plane says.
//  P1. Without a file no classified data is handled.
//  P2. A key that this agent cannot keep stops it: an owner must not believe in a rule that nobody obeys.
import { readFileSync } from "node:fs";
import { allowsData, AppError, readYaml, residencyOf, type CanonicalWorkflow } from "@capstan/proto";
import { z } from "zod";

export interface Policy {
  /** Classes of data that may be handled here; `*` is all of them. */
  readonly allowData: readonly string[];
}

export const defaultPolicyPath = "/etc/capstan/agent-policy.yaml";

const schema = z.strictObject({
  version: z.literal(1),
  allowData: z
    .array(z.string().regex(/^(\*|[a-z][a-z0-9_]{0,62})$/))
    .max(64)
    .optional(),
});

/** @param path of the file; where it was not chosen by anybody it need not exist @throws agent_config_invalid */
export function readPolicy(path: string, isChosen: boolean): Policy {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing && !isChosen) return { allowData: [] };
    throw new AppError("agent_config_invalid", `the policy file ${path} cannot be read: ${String(error)}`);
  }
  const { value, problems } = readYaml(text, path);
  const [problem] = problems;
  if (problem !== undefined) throw new AppError("agent_config_invalid", `the policy file: ${problem}`);
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join(".") ?? "";
    const detail = issue?.code === "unrecognized_keys" ? `${issue.keys.join(", ")} is not supported` : issue?.message;
    throw new AppError("agent_config_invalid", `the policy file ${path}: ${place === "" ? "" : `${place}: `}${detail}`);
  }
  return { allowData: parsed.data.allowData ?? [] };
}

/** Why a task may not run here, by the policy; undefined where it may. */
export function policyRefusal(policy: Policy, document: CanonicalWorkflow, task: string): string | undefined {
  const denied = residencyOf(document)
    .get(task)
    ?.classes.filter((one) => !allowsData(policy.allowData, one));
  if (denied === undefined || denied.length === 0) return undefined;
  return `by: agent; allowData of this host's policy file does not name ${denied.join(", ")}`;
}
