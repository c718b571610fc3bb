// Waiting for PostgreSQL at start: it may be starting, restarting or not yet reachable, and none of that is fatal.
import { AppError } from "@capstan/proto";
import type { Log } from "./telemetry/log.ts";

const pauseMsMax = 2_000;

/**
 * Runs `work` until it succeeds. Only errors that mean "not reachable now" are tried again, without end, each said once
 * in the log and then every 30 s.
 * @throws config_invalid where PostgreSQL refuses the account or the database; anything else as it comes
 */
export async function untilReachable<T>(
  work: () => Promise<T>,
  options: { readonly log: Log; readonly isUnavailable: (error: unknown) => boolean; readonly signal: AbortSignal },
): Promise<T> {
  const { log, isUnavailable, signal } = options;
  let saidAt = Number.NEGATIVE_INFINITY;
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error)) throw explained(error);
      if (performance.now() - saidAt > 30_000) {
        log.warn(
          { component: "start", code: "unavailable", err: error },
          "PostgreSQL is not reachable yet, trying again",
        );
        saidAt = performance.now();
      }
    }
    await pause(Math.min(pauseMsMax, 50 * 2 ** Math.min(tries, 6)), signal);
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });

/** Refusals of PostgreSQL that a person has to resolve. */
function explained(error: unknown): unknown {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (code === "28P01" || code === "28000") {
    return new AppError("config_invalid", "PostgreSQL refused the user or password of CAPSTAN_DATABASE_URL", {
      cause: error,
    });
  }
  if (code === "3D000")
    return new AppError("config_invalid", "the database that CAPSTAN_DATABASE_URL names does not exist", {
      cause: error,
    });
  if (code === "42501") {
    return new AppError(
      "config_invalid",
      "the user of CAPSTAN_DATABASE_URL may not make roles and tables; give the owner's address",
      { cause: error },
    );
  }
  return error;
}
