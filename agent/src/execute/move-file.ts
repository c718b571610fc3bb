// A file that a runner asked for: fetched or stored by the agent, which holds the key that proves who asks.
import type { RunnerReport } from "@capstan/proto";
import type { ControlPlaneFiles } from "./control-plane-files.ts";
import type { RunnerLink } from "./runner-link.ts";

/** Answers the runner in any case; a runner whose agent goes away asks the next one again. */
export async function moveFile(
  files: ControlPlaneFiles,
  request: Extract<RunnerReport, { t: "file" }>,
  link: RunnerLink,
): Promise<void> {
  const { n, sha256, size, attempt } = request;
  try {
    if (request.do === "download") {
      const path = await files.download(sha256, size, attempt);
      link.send({ t: "file", n, path });
    } else {
      await files.upload(request.path ?? "", sha256, size, attempt);
      link.send({ t: "file", n });
    }
  } catch (error) {
    link.send({ t: "file", n, error: (error instanceof Error ? error.message : String(error)).slice(0, 2000) });
  }
}
