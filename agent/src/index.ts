// What tests and measurements may use of the agent; the product starts it as a process.
export { startAgent, type Agent, type AgentOptions } from "./agent.ts";
export { readConfig, type AgentConfig } from "./config.ts";
export { enrol } from "./enrol/enrol.ts";
export type { InlineExecutor, InlineExecutors } from "./execute/held-attempts.ts";
