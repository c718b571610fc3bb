// What this process is: told by /api/v1/version.
export const RELEASE = Symbol("Release");

export interface Release {
  readonly version: string;
  /** Number of the database schema. */
  readonly schema: number;
  readonly startedAt: string;
}
