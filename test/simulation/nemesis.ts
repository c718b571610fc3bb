// What goes wrong, by seed: each action has its weight, its time and its healing. At the horizon everything heals.
import type { SimAgent } from "./agent.ts";
import type { Network } from "./link.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Settings } from "./settings.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { Weather } from "./sim-connection.ts";
import type { World } from "./world.ts";

export interface AgentPlace {
  readonly agent: SimAgent;
  readonly network: Network;
}

export interface NemesisParts {
  readonly world: World;
  readonly random: Random;
  readonly settings: Settings;
  readonly database: SimDatabase;
  readonly weather: Weather;
  readonly replicas: readonly Replica[];
  readonly places: readonly AgentPlace[];
}

type Action = readonly [weight: number, name: string, act: (nemesis: Nemesis) => void];

const actions: readonly Action[] = [
  [14, "cut", (n) => n.cut()],
  [14, "stall", (n) => n.stall()],
  [6, "connection broken", (n) => n.breakConnection()],
  [9, "agent paused", (n) => n.pauseAgent()],
  [10, "agent killed", (n) => n.killAgent()],
  [5, "host rebooted", (n) => n.rebootHost()],
  [6, "host paused", (n) => n.pauseHost()],
  [3, "runner dead", (n) => n.killRunner()],
  [3, "agent drained", (n) => n.drainAgent()],
  [10, "replica killed", (n) => n.killReplica()],
  [3, "replica stopped", (n) => n.stopReplica()],
  [7, "replica paused", (n) => n.pauseReplica()],
  [6, "database down", (n) => n.databaseDown()],
  [9, "database trouble", (n) => n.databaseTrouble()],
  [5, "renewals lost", (n) => n.loseRenewals()],
  [4, "database clock", (n) => n.databaseClock()],
  [4, "host clock", (n) => n.hostClock()],
];
const jumpsMax = 4;
/** Chance that a kind of fault is among those of a swarm. */
const inSwarm = 0.25;

export class Nemesis {
  isOver = false;
  private readonly parts: NemesisParts;
  private readonly actions: readonly Action[];
  private jumps = 0;

  constructor(parts: NemesisParts) {
    this.parts = parts;
    const chosen = parts.settings.isSwarm ? actions.filter(() => parts.random.chance(inSwarm)) : actions;
    this.actions = chosen.length > 0 ? chosen : actions;
  }

  begin(): void {
    const { random, world, settings } = this.parts;
    for (let i = 0; i < settings.faults; i++) {
      world.after(random.between(500, settings.horizonMs), () => {
        if (!this.isOver) this.strike();
      });
    }
    world.after(settings.horizonMs, () => this.heal());
  }

  private strike(): void {
    const { random, world } = this.parts;
    let at = random.between(
      0,
      this.actions.reduce((sum, [weight]) => sum + weight, 0),
    );
    for (const [weight, name, act] of this.actions) {
      at -= weight;
      if (at > 0) continue;
      world.count(`fault: ${name}`);
      world.trace("fault", name);
      act(this);
      return;
    }
  }

  /** Everything works from now on. */
  heal(): void {
    const { world, places, replicas, database, weather } = this.parts;
    this.isOver = true;
    world.trace("healed");
    database.isDown = false;
    weather.lost = 0;
    weather.conflict = 0;
    weather.slowMs = 0;
    weather.renewalLost = 0;
    for (const replica of replicas) {
      if (!replica.process.isUp) replica.start();
      else if (replica.process.isPaused) replica.process.resume();
    }
    for (const { agent, network } of places) {
      network.cutUp = false;
      network.cutDown = false;
      network.stallUpMs = 0;
      network.stallDownMs = 0;
      agent.networkChanged();
      const { host } = agent.parts;
      if (host.isPaused) host.wake(true);
      if (agent.isDraining) agent.kill();
      if (!agent.process.isUp) agent.start();
      else if (agent.process.isPaused) agent.process.resume();
    }
  }

  // The network.

  cut(): void {
    const { random } = this.parts;
    const { agent, network } = random.pick(this.parts.places);
    const which = random.int(3);
    network.losesHeld = random.chance(0.5);
    network.cutUp ||= which !== 1;
    network.cutDown ||= which !== 0;
    this.later(random.between(2000, 150_000), () => {
      network.cutUp = false;
      network.cutDown = false;
      agent.networkChanged();
    });
  }

  stall(): void {
    const { random, settings } = this.parts;
    const { network } = random.pick(this.parts.places);
    const leaseMs = Math.max(...settings.leasesMs);
    const stallMs = random.between(300, random.chance(0.5) ? 5000 : Math.min(2 * leaseMs, 120_000));
    const which = random.int(3);
    if (which !== 1) network.stallUpMs = stallMs;
    if (which !== 0) network.stallDownMs = stallMs;
    this.later(random.between(1000, 60_000), () => {
      network.stallUpMs = 0;
      network.stallDownMs = 0;
    });
  }

  breakConnection(): void {
    this.parts.random.pick(this.parts.places).agent.connectionBroken();
  }

  // Agents and hosts.

  pauseAgent(): void {
    const { random } = this.parts;
    const { agent } = random.pick(this.parts.places);
    if (!agent.process.isUp || agent.process.isPaused || agent.parts.host.isPaused) return;
    agent.process.pause();
    this.later(random.between(1000, 200_000), () => {
      if (!agent.parts.host.isPaused) agent.process.resume();
    });
  }

  killAgent(): void {
    const { random } = this.parts;
    const { agent } = random.pick(this.parts.places);
    if (!agent.process.isUp || agent.parts.host.isPaused) return;
    agent.kill();
    this.later(random.chance(0.6) ? random.between(300, 5000) : random.between(5000, 120_000), () => {
      if (!agent.process.isUp) agent.start();
    });
  }

  rebootHost(): void {
    const { random } = this.parts;
    const { agent } = random.pick(this.parts.places);
    if (agent.parts.host.isPaused) return;
    agent.loseHost();
    agent.parts.host.reboot();
    this.later(random.between(3000, 60_000), () => {
      if (!agent.process.isUp) agent.start();
    });
  }

  pauseHost(): void {
    const { random } = this.parts;
    const { agent } = random.pick(this.parts.places);
    const { host } = agent.parts;
    if (host.isPaused || agent.process.isPaused) return;
    const isSleep = random.chance(0.5);
    host.pause();
    if (agent.process.isUp) agent.process.pause();
    this.later(random.between(1000, 200_000), () => {
      if (!host.isPaused) return;
      host.wake(isSleep);
      if (agent.process.isUp) agent.process.resume();
    });
  }

  killRunner(): void {
    const { agent } = this.parts.random.pick(this.parts.places);
    if (agent.parts.host.isPaused) return;
    const lost = agent.parts.host.runnerDies();
    agent.onRunnerLost(lost);
  }

  drainAgent(): void {
    const { random } = this.parts;
    const { agent } = random.pick(this.parts.places);
    if (!agent.process.isUp || agent.process.isPaused) return;
    agent.drain();
    this.later(random.between(2000, 60_000), () => {
      if (!agent.process.isUp || agent.process.isPaused) return;
      agent.kill();
      agent.start();
    });
  }

  hostClock(): void {
    const { random, settings } = this.parts;
    if (settings.unmasked) return;
    const { agent } = random.pick(this.parts.places);
    if (agent.parts.host.isPaused) return;
    agent.parts.host.setClock(random.between(-1, 1) * (random.chance(0.5) ? 8000 : 3_600_000));
  }

  // The control plane.

  killReplica(): void {
    const { random } = this.parts;
    const replica = random.pick(this.parts.replicas);
    if (!replica.process.isUp) return;
    replica.kill();
    this.later(random.between(300, 40_000), () => {
      if (!replica.process.isUp) replica.start();
    });
  }

  stopReplica(): void {
    const { random } = this.parts;
    const replica = random.pick(this.parts.replicas);
    if (!replica.process.isUp || replica.process.isPaused) return;
    replica.stop();
    this.later(random.between(300, 10_000), () => {
      if (!replica.process.isUp) replica.start();
    });
  }

  pauseReplica(): void {
    const { random } = this.parts;
    const replica = random.pick(this.parts.replicas);
    if (!replica.process.isUp || replica.process.isPaused) return;
    replica.process.pause();
    this.later(random.between(500, 60_000), () => {
      if (replica.process.isPaused) replica.process.resume();
    });
  }

  // The database.

  databaseDown(): void {
    const { random, database } = this.parts;
    database.isDown = true;
    this.later(random.between(300, 30_000), () => {
      database.isDown = false;
    });
  }

  databaseTrouble(): void {
    const { random, weather } = this.parts;
    weather.lost = random.pick([0.02, 0.1, 0.4]);
    weather.conflict = random.pick([0, 0.05, 0.2]);
    weather.slowMs = random.pick([0, 200, 3000]);
    this.later(random.between(2000, 60_000), () => {
      weather.lost = 0;
      weather.conflict = 0;
      weather.slowMs = 0;
    });
  }

  /** Statements that renew leases fail, and the others do not. */
  loseRenewals(): void {
    const { random, weather } = this.parts;
    weather.renewalLost = random.pick([0.5, 0.9, 1]);
    this.later(random.between(5000, 120_000), () => {
      weather.renewalLost = 0;
    });
  }

  databaseClock(): void {
    const { random, database, settings } = this.parts;
    if (settings.unmasked || this.jumps >= jumpsMax) return;
    this.jumps++;
    // Back by little only: what is due waits for the clock to come back, and a test must end.
    database.setClock(random.chance(0.1) ? random.between(0, 3_600_000) : random.between(-5000, 20_000));
  }

  /** Heals one fault, unless everything has healed by then. */
  private later(ms: number, heals: () => void): void {
    this.parts.world.after(ms, () => {
      if (!this.isOver) heals();
    });
  }
}
