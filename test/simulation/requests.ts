// Requests of people and programs: they travel, may get no answer, and are made again at another replica.
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { World } from "./world.ts";

const answerMs = 10_000;

export interface RequestsParts {
  readonly world: World;
  readonly random: Random;
  readonly replicas: readonly Replica[];
}

export class Requests {
  /** What somebody still waits for. */
  open = 0;
  private readonly parts: RequestsParts;

  constructor(parts: RequestsParts) {
    this.parts = parts;
  }

  /** Asks a replica; again, and maybe another, when it is not known what became of the request. */
  ask<T>(
    request: (replica: Replica) => Promise<T> | undefined,
    answered: (outcome: T) => void,
    repeats: boolean,
  ): void {
    const { world, random, replicas } = this.parts;
    let isOver = false;
    const again = (): void => {
      if (isOver) return;
      isOver = true;
      if (repeats) world.after(random.between(200, 3000), () => this.ask(request, answered, true));
      else this.open--;
    };
    const up = replicas.filter((replica) => replica.process.isUp);
    if (up.length === 0) return again();
    const replica = random.pick(up);
    // A request travels; the answer too, and it is lost with its replica.
    replica.process.after(random.between(0.5, 20), () => {
      request(replica)?.then(
        (outcome) =>
          replica.process.after(random.between(0.5, 20), () => {
            if (isOver) return;
            isOver = true;
            answered(outcome);
          }),
        (error: unknown) => {
          const code = error instanceof Error && "code" in error ? error.code : undefined;
          if (code !== "unavailable" && !(error instanceof Error && "injected" in error)) {
            const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
            world.violate("I24", `a request failed: ${text}`);
          }
          replica.process.after(1, again);
        },
      );
    });
    world.after(answerMs, again);
  }
}
