/** A file value as JSON carries it; `path` only on the agent, where the file is on local disk. */
export interface FileValue {
  readonly $file: {
    readonly name: string;
    readonly size: number;
    readonly sha256: string;
    readonly mediaType: string;
    readonly path?: string;
    /** The store of agents that alone has its bytes; absent where the control plane has them. */
    readonly store?: string;
  };
}
