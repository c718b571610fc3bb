// Where bytes lie under the data folder: by project and hash, never by a name that somebody chose.
import path from "node:path";

export const STORE_PATHS = Symbol("StorePaths");

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const sha = /^[0-9a-f]{64}$/;

export class StorePaths {
  private readonly dataDir: string;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  /** A code bundle. */
  bundle(projectId: string, sha256: string): string {
    return this.at("bundles", projectId, sha256);
  }

  /** A file among the outputs of tasks. */
  file(projectId: string, sha256: string): string {
    return this.at("files", projectId, sha256);
  }

  private at(kind: string, projectId: string, sha256: string): string {
    if (!uuid.test(projectId) || !sha.test(sha256))
      throw new Error("a path of the store is made of a project id and a SHA-256");
    return path.join(this.dataDir, "store", kind, projectId, sha256.slice(0, 2), sha256);
  }
}
