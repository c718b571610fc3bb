// A planted bug: one exact replacement in one source.
export interface Mutant {
  readonly id: string;
  readonly what: string;
  /** Path in the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Why no simulated history can show it; only where that is so. */
  readonly equivalent?: string;
}
