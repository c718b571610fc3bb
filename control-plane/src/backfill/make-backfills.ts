// The parts of backfills, as the composition root wants them.
import type { Provider } from "@nestjs/common";
import type { Logger } from "pino";
import type { Commit } from "../commit/commit.ts";
import type { CommitSignals } from "../commit/commit-signals.ts";
import type { Loop } from "../dispatch/loop.ts";
import type { AgainService } from "../trigger/again.service.ts";
import type { EarlyRuns } from "../trigger/early-run.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import { backfillLoop, BackfillRounds } from "./backfill-rounds.ts";
import { BackfillService } from "./backfill.service.ts";
import { BackfillStarter } from "./backfill-starter.ts";
import type { BackfillStore } from "./backfill.store.ts";

export interface BackfillParts {
  readonly store: BackfillStore;
  readonly commit: Commit;
  readonly signals: CommitSignals;
  readonly editions: WorkflowEditions;
  readonly early: EarlyRuns;
  readonly again: AgainService;
  readonly nowMs: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

export interface Backfills {
  readonly starter: BackfillStarter;
  readonly loop: Loop;
  readonly provider: Provider;
}

export function makeBackfills({ log, nowMs, ...parts }: BackfillParts): Backfills {
  const starter = new BackfillStarter(parts);
  const loop = backfillLoop(new BackfillRounds({ ...parts, starter, log }), log);
  const service = new BackfillService({ ...parts, nowMs, wake: () => loop.wake() });
  return { starter, loop, provider: { provide: BackfillService, useValue: service } };
}
