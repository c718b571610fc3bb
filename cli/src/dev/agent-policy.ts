// The policy of the agent that `capstan dev` starts: its owner sits in front of it and may handle whatever their files name.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const setting = "CAPSTAN_AGENT__POLICY";
const hostPolicy = "/etc/capstan/agent-policy.yaml";
const text = `# What the agent of \`capstan dev\` may do on this machine. Yours to change; it is read at its start.
version: 1
allowData: ["*"] # classes of data
`;

/** The setting for the agent: nothing where the environment or the host has a policy already. */
export function devPolicy(dataDir: string, env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (env[setting] !== undefined || existsSync(hostPolicy)) return {};
  const path = join(dataDir, "agent-policy.yaml");
  if (!existsSync(path)) writeFileSync(path, text, { mode: 0o644 });
  return { [setting]: path };
}
