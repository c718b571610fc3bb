import { Controller, Inject } from "@nestjs/common";
import { AppError } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";

export const HEALTH = Symbol("Health");

export interface Health {
  /** True where the database answers and this process is not draining. */
  ready(): Promise<boolean>;
}

/** For load balancers: a status, no body. */
@Controller()
export class HealthController {
  private readonly health: Health;

  constructor(@Inject(HEALTH) health: Health) {
    this.health = health;
  }

  @Handles("livez")
  live(@Call("livez") { reply }: CallOf<"livez">): void {
    void reply.send();
  }

  @Handles("readyz")
  async ready(@Call("readyz") { reply }: CallOf<"readyz">): Promise<void> {
    if (!(await this.health.ready())) throw new AppError("unavailable", "Not ready.", { retryAfterMs: 1_000 });
    void reply.send();
  }
}
