import { connect, resolveTarget, type Target } from "./connection.ts";
import type { Client } from "./api/client.ts";
import { readEnvironment, type Environment } from "./config.ts";
import { Output } from "./output/output.ts";

/** Flags that every command takes. */
export interface GlobalOptions {
  readonly server?: string;
  readonly project?: string;
  readonly profile?: string;
  readonly data?: string;
  readonly tokenFile?: string;
  readonly output?: string;
  readonly json?: string;
  readonly color?: boolean;
  readonly ascii?: boolean;
  readonly input: boolean;
  readonly debug?: boolean;
  readonly yes?: boolean;
}

/** What a command works with: flags, environment, a voice, and on demand a client. */
export interface Context {
  readonly options: GlobalOptions;
  readonly environment: Environment;
  readonly cwd: string;
  readonly out: Output;
  client(): Client;
  /** Which control plane it would talk to, and by what it knows. */
  target(): Target;
}

export function makeContext(options: GlobalOptions): Context {
  const environment = readEnvironment();
  const cwd = process.cwd();
  return {
    options,
    environment,
    cwd,
    out: new Output({
      format: options.output ?? environment.output,
      fields: options.json,
      color: options.color ?? environment.color,
      isAscii: options.ascii === true,
      stdout: process.stdout,
      stderr: process.stderr,
    }),
    client: () => connect(options, environment, cwd),
    target: () => resolveTarget(options, environment, cwd),
  };
}
