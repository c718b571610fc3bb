// What happens in `capstan dev`, told once and shown in two ways: a screen for people, a JSON object a line for programs.

export type DevEvent =
  | { readonly event: "ready"; readonly url: string; readonly pid: number; readonly data: string }
  | {
      readonly event: "deployed";
      readonly workflow: string;
      readonly file: string;
      readonly version: number;
      readonly result: string;
    }
  | {
      readonly event: "refused";
      readonly problems: readonly {
        readonly file?: string;
        readonly line?: number;
        readonly column?: number;
        readonly code: string;
        readonly detail: string;
      }[];
    }
  | {
      readonly event: "run";
      readonly run: string;
      readonly workflow: string;
      readonly state: string;
      readonly durationMs: number | null;
      readonly url: string;
      readonly detail?: string;
    }
  | { readonly event: "stopped"; readonly exitCode: number };

/** A part that is up, with how long it took: lines of the screen, no events. */
export interface Step {
  readonly name: string;
  readonly durationMs?: number;
  /** Stands where the duration would: how many there are. */
  readonly count?: number;
  readonly detail?: string;
}

/** Where `dev` tells what happens. */
export interface Teller {
  started(version: string, dataDir: string, database: string): void;
  step(step: Step): void;
  note(text: string): void;
  event(event: DevEvent): void;
  signIn(url: string): void;
}
