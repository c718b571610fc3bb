// What the attempts of this agent take together, while their processes may live.
import { noResources, plusTakes, type AttemptTakes, type Resources } from "@capstan/proto";

export class Usage {
  #count = 0;
  #slots = 0;
  #resources: Resources = noResources;

  /** Attempts. */
  get count(): number {
    return this.#count;
  }

  get slots(): number {
    return this.#slots;
  }

  /** What is left of what the host has, or undefined where nothing of it is taken. */
  leftOf(host: Resources): Resources | undefined {
    const { cpu, memoryBytes, gpu, diskBytes } = this.#resources;
    return cpu + memoryBytes + gpu + diskBytes === 0 ? undefined : plusTakes(host, this.#resources, -1);
  }

  add({ slots, ...takes }: AttemptTakes): void {
    this.#count++;
    this.#slots += slots;
    this.#resources = plusTakes(this.#resources, takes, 1);
  }

  remove({ slots, ...takes }: AttemptTakes): void {
    this.#count--;
    this.#slots -= slots;
    this.#resources = plusTakes(this.#resources, takes, -1);
  }
}
