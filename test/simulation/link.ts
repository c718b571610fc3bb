// One connection between an agent and a replica: frames in order in each direction, late by any time, held back by cuts of
// one or both directions, delivered after one side has closed. What a socket does, without a socket.
import type { Link } from "../../control-plane/src/gateway/services.ts";
import type { Random } from "./random.ts";
import type { SimProcess } from "./sim-process.ts";
import type { World } from "./world.ts";

/** The state of the network between one host and the control plane; the nemesis turns it. */
export interface Network {
  cutUp: boolean;
  cutDown: boolean;
  stallUpMs: number;
  stallDownMs: number;
  /** Directions whose held frames are lost when the cut heals; else they arrive late, as TCP would have it. */
  losesHeld: boolean;
}

export interface ConnectionEnd {
  onText(text: string): void;
  onClosed(code: number): void;
}

export interface LinkParts {
  readonly world: World;
  readonly random: Random;
  readonly network: Network;
  readonly agent: SimProcess;
  readonly control: SimProcess;
}

class Direction {
  isOpen = true;
  isPaused = false;
  end: ConnectionEnd | undefined;
  readonly held: (() => void)[] = [];
  readonly waiting: (() => void)[] = [];
  lastMs = 0;
}

export class Connection {
  readonly up = new Direction();
  readonly down = new Direction();
  private readonly parts: LinkParts;

  constructor(parts: LinkParts) {
    this.parts = parts;
  }

  /** The replica's end as its session uses it. */
  controlLink(): Link {
    return {
      bufferedBytes: 0,
      send: (text) => this.send("down", text),
      close: (code) => this.close("control", code),
      pause: () => {
        this.up.isPaused = true;
      },
      resume: () => {
        if (!this.up.isPaused) return;
        this.up.isPaused = false;
        const waiting = this.up.waiting.splice(0);
        for (const work of waiting) this.parts.world.after(0, work);
      },
    };
  }

  send(direction: "up" | "down", text: string): void {
    if (!this[direction].isOpen) return;
    this.carry(direction, () => this[direction].end?.onText(text));
  }

  /** One side closes; the other hears of it after what was sent before, if the network lets it. */
  close(by: "agent" | "control", code: number): void {
    const out = by === "agent" ? "up" : "down";
    const into = by === "agent" ? "down" : "up";
    if (!this[out].isOpen) return;
    this.carry(out, () => {
      const { end } = this[out];
      this[out].end = undefined;
      this[into].isOpen = false;
      end?.onClosed(code);
    });
    this[out].isOpen = false;
    this[into].end = undefined;
  }

  /** The network between the two works again, or works otherwise: what was held goes on, or the connection is gone. */
  healed(): void {
    const { network, random, world } = this.parts;
    for (const direction of ["up", "down"] as const) {
      if (direction === "up" ? network.cutUp : network.cutDown) continue;
      const held = this[direction].held.splice(0);
      if (held.length === 0) continue;
      if (network.losesHeld) {
        this.broken();
        return;
      }
      const from = Math.max(world.nowMs, this[direction].lastMs) + random.between(1, 2000);
      this[direction].lastMs = from;
      for (const deliver of held) world.after(from - world.nowMs, deliver);
    }
  }

  /** Both ends learn that the connection is gone, each in its own time. */
  broken(): void {
    const { world, random } = this.parts;
    for (const direction of [this.up, this.down]) {
      direction.isOpen = false;
      direction.held.length = 0;
      const { end } = direction;
      direction.end = undefined;
      if (end !== undefined) world.after(random.between(1, 1500), () => end.onClosed(1006));
    }
  }

  private carry(name: "up" | "down", deliver: () => void): void {
    const { world, random, network } = this.parts;
    const direction = this[name];
    const stallMs = name === "up" ? network.stallUpMs : network.stallDownMs;
    const atMs = Math.max(direction.lastMs, world.nowMs + random.between(0.5, 20) + stallMs);
    direction.lastMs = atMs;
    const process = name === "up" ? this.parts.control : this.parts.agent;
    const bound = process.bind(() => {
      if (name === "up" && direction.isPaused) direction.waiting.push(deliver);
      else deliver();
    });
    const arrive = (): void => {
      const isCut = name === "up" ? network.cutUp : network.cutDown;
      // What waits already goes first: a stream has an order.
      if (isCut || direction.held.length > 0) direction.held.push(arrive);
      else bound();
    };
    world.after(atMs - world.nowMs, arrive);
  }
}
