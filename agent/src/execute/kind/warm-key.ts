// Which attempts one warm interpreter may carry, and which run cold whatever is written.
import { createHash } from "node:crypto";
import type { ExecutorContext } from "../executor.ts";

/**
 * Equal for attempts that may share an interpreter: project, workflow version with its bundle, isolation, secrets and their
 * references, program. Undefined where an attempt runs cold: with data classes, or on isolation L2.
 */
export function warmKeyOf(context: ExecutorContext, program: readonly string[]): string | undefined {
  const { attempt, document, bundle } = context;
  if (document.data !== undefined || attempt.isolation === "L2") return undefined;
  const secrets = [...attempt.secrets].sort().map((name) => [name, document.secrets?.[name] ?? ""]);
  const parts = [attempt.project, attempt.specDigest, bundle?.sha256 ?? "", attempt.isolation, secrets, program];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
