/** A mistake in how a workflow is written, found while it is built; its stack leads to the author's line. */
export class BuildError extends Error {
  /** `build_not_pure`, or what the checker would call the mistake. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "BuildError";
    this.code = code;
  }
}
