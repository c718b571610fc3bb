// Entry point of a runner process: `main.js DATA_DIR NUMBER`, started detached by an agent.
import { executors } from "../execute/kind/index.ts";
import { runRunner } from "./run-runner.ts";

await runRunner(executors);
