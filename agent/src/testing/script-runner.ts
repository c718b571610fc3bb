// Entry point of a runner whose only executor runs shell scripts: for tests.
import { runRunner } from "../runner/run-runner.ts";
import { scriptExecutors } from "./script-executor.ts";

await runRunner(scriptExecutors);
