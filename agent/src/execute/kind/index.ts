// The executors of the product, by kind of action. They run inside a runner and start no user code themselves.
import type { CanonicalAction, CanonicalTask } from "@capstan/proto";
import { createSecretResolver, type SecretResolver } from "../../secrets/resolver.ts";
import { forgetVaultEnvironment } from "../../secrets/vault.ts";
import { removeSecrets } from "../../workspace/secret-folder.ts";
import type { Executor, ExecutorContext, Executors, Prepared } from "../executor.ts";
import { hostVariables, type HostVariables } from "./environment.ts";
import { failedSetup } from "./failure.ts";
import { prepareHttp } from "./http.ts";
import { prepareNode } from "./node.ts";
import { prepareNotify } from "./notify.ts";
import { preparePython } from "./python.ts";
import { processEnvironment, settingsFrom, type ExecutorSettings } from "./config.ts";
import { prepareShell } from "./shell.ts";
import { forgetPostgresEnvironment } from "./postgres-address.ts";
import { prepareSql } from "./sql.ts";

export type { ExecutorSettings } from "./config.ts";
export { findPython } from "./interpreter.ts";

/** Executors with the given settings. */
export function createExecutors(settings: ExecutorSettings): Executors {
  const resolver = createSecretResolver(settings.secrets, settings.environment);
  const host = hostVariables(settings.environment);
  const executor: Executor = {
    async prepare(context) {
      try {
        return await prepareAction(context, context.task.action, { resolver, host, settings });
      } catch (error) {
        // A cancel in the middle of preparing is the runner's to name.
        if (context.signal.aborted) throw error;
        return failedSetup(error);
      }
    },
    release(context) {
      if (usesSecrets(context.task)) removeSecrets(context.attemptDir);
    },
  };
  return { run: executor, python: executor, node: executor, http: executor, sql: executor, notify: executor };
}

const usesSecrets = (task: CanonicalTask): boolean => task.with !== undefined || task.env !== undefined;

interface Means {
  readonly resolver: SecretResolver;
  readonly host: HostVariables;
  readonly settings: ExecutorSettings;
}

async function prepareAction(context: ExecutorContext, action: CanonicalAction, means: Means): Promise<Prepared> {
  const { resolver, host, settings } = means;
  if ("run" in action) return await prepareShell(context, action.run, resolver, host);
  if ("python" in action) {
    const { pythonPath: configured, pythonEnvironments: environmentsKept } = settings;
    return await preparePython(context, action.python, resolver, { host, configured, environmentsKept });
  }
  if ("node" in action) return await prepareNode(context, action.node, resolver, host);
  if ("http" in action) return await prepareHttp(context, action.http, resolver);
  if ("sql" in action) return await prepareSql(context, action.sql, resolver, host);
  if ("notify" in action) return await prepareNotify(context, action.notify, resolver, settings);
  throw new Error("the control plane carries this task itself and offers it to nobody");
}

/**
 * The executors of this process, made from its environment. `VAULT_*` and `PG*` are deleted from it, because libraries
 * would read addresses, passwords and "skip verification" from there. What the owner lets `env:` references read stays.
 */
function executorsFromEnvironment(environment: Record<string, string | undefined>): Executors {
  forgetVaultEnvironment(environment);
  const settings = settingsFrom({ ...environment });
  forgetPostgresEnvironment(environment);
  return createExecutors(settings);
}

/** Those of the process that imports this module: a runner, whose environment is its agent's. */
export const executors: Executors = executorsFromEnvironment(processEnvironment);
