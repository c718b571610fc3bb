// What an agent fetches and stores over HTTP: versions, code bundles, files between tasks. Each request carries a fresh
// assertion; each body is checked against its digest before anybody sees it.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import {
  agentPaths,
  AppError,
  attemptHeader,
  bundleBytesMax,
  deriveWorkflow,
  digestOf,
  specAnswerSchema,
  type CanonicalWorkflow,
} from "@capstan/proto";
import { signAssertion } from "../enrol/credential.ts";
import { fetchNonce } from "../enrol/enrol.ts";
import type { Identity } from "../enrol/identity.ts";

export interface FetchedSpec {
  readonly document: CanonicalWorkflow;
  readonly documentPath: string;
  readonly bundle: { readonly path: string; readonly sha256: string } | undefined;
}

export interface ControlPlaneFilesOptions {
  readonly server: string;
  readonly identity: Identity;
  /** `<data>/cache`. */
  readonly folder: string;
}

const requestMs = 120_000;
const specsKept = 256;

export class ControlPlaneFiles {
  readonly #options: ControlPlaneFilesOptions;
  readonly #specs = new Map<string, Promise<FetchedSpec>>();
  readonly #known = new Map<string, FetchedSpec>();
  readonly #downloads = new Map<string, Promise<string>>();

  constructor(options: ControlPlaneFilesOptions) {
    this.#options = options;
  }

  /** The version, where it is at hand already: the hot path must not wait for a microtask. */
  knownSpec(digest: string): FetchedSpec | undefined {
    return this.#known.get(digest);
  }

  /** A version by digest, from the cache or the control plane. @throws spec_unavailable, policy_denied for one that changes more than it may */
  spec(digest: string): Promise<FetchedSpec> {
    const known = this.#specs.get(digest);
    if (known !== undefined) return known;
    const fetching = this.#fetchSpec(digest);
    this.#specs.set(digest, fetching);
    fetching.then(
      (spec) => {
        if (this.#known.size >= specsKept) this.#known.clear();
        this.#known.set(digest, spec);
      },
      () => this.#specs.delete(digest),
    );
    return fetching;
  }

  /** A file by digest: path of a read-only copy in the cache. */
  download(sha256: string, bytesMax: number, attempt?: string): Promise<string> {
    const running = this.#downloads.get(sha256);
    if (running !== undefined) return running;
    const path = `${this.#options.folder}/files/${sha256}`;
    const started = this.#downloadTo(agentPaths.file(sha256), path, sha256, bytesMax, attempt);
    this.#downloads.set(sha256, started);
    const forget = (): void => void this.#downloads.delete(sha256);
    started.then(forget, forget);
    return started;
  }

  /** Stores a file under its digest. */
  async upload(path: string, sha256: string, size: number, attempt: string): Promise<void> {
    const url = agentPaths.file(sha256);
    const response = await fetch(this.#options.server + url, {
      method: "PUT",
      headers: {
        ...(await this.#headers("PUT", url, attempt)),
        "content-length": String(size),
        "content-type": "application/octet-stream",
      },
      body: Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>, // the two declarations differ in name only
      duplex: "half",
      redirect: "error",
      signal: AbortSignal.timeout(requestMs * 10),
    } as RequestInit); // `duplex` is missing in the declarations and required for streams
    await response.body?.cancel();
    if (!response.ok)
      throw new AppError("spec_unavailable", `storing file ${sha256} was answered with status ${response.status}`);
  }

  async #fetchSpec(digest: string): Promise<FetchedSpec> {
    const folder = `${this.#options.folder}/specs`;
    const path = `${folder}/${digest.replace(":", "-")}.json`;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    let answer: unknown;
    try {
      answer = JSON.parse(await readFile(`${path}.answer`, "utf8"));
    } catch {
      answer = await this.#getJson(agentPaths.spec(digest));
    }
    const parsed = specAnswerSchema.safeParse(answer);
    if (!parsed.success || digestOf(parsed.data.document) !== digest) {
      throw new AppError("spec_unavailable", `the control plane answered with another version than ${digest}`);
    }
    const { document, bundle } = parsed.data;
    if (document.derived !== undefined) await this.#checkDerived(document, digest);
    await writeWhole(path, JSON.stringify(document));
    await writeWhole(`${path}.answer`, JSON.stringify(parsed.data));
    if (bundle === undefined) return { document, documentPath: path, bundle: undefined };
    const bundlePath = `${this.#options.folder}/bundles/${bundle}`;
    await this.#downloadTo(agentPaths.bundle(bundle), bundlePath, bundle, bundleBytesMax);
    return { document, documentPath: path, bundle: { path: bundlePath, sha256: bundle } };
  }

  /**
   * A version that was made for a run is the one that it comes from with nothing changed but what that lets a run change.
   * Made again here from that one, so a control plane that changed more is not believed.
   * @throws policy_denied spec_unavailable
   */
  async #checkDerived({ derived }: CanonicalWorkflow, digest: string): Promise<void> {
    if (derived === undefined) return;
    const parent = await this.spec(derived.from);
    const made = deriveWorkflow(parent.document, derived.from, derived.set);
    if (made.kind === "derived" && digestOf(made.document) === digest) return;
    const why = made.kind === "refused" ? made.problems[0]?.detail : undefined;
    throw new AppError(
      "policy_denied",
      `${digest} is not what version ${derived.from} lets a run change${why === undefined ? "" : `: ${why}`}`,
    );
  }

  async #getJson(path: string): Promise<unknown> {
    const response = await fetch(this.#options.server + path, {
      headers: await this.#headers("GET", path),
      redirect: "error",
      signal: AbortSignal.timeout(requestMs),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new AppError("spec_unavailable", `${path} was answered with status ${response.status}`);
    }
    return await response.json();
  }

  async #downloadTo(url: string, path: string, sha256: string, bytesMax: number, attempt?: string): Promise<string> {
    try {
      await access(path);
      return path;
    } catch {
      // Not in the cache yet.
    }
    await mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    const response = await fetch(this.#options.server + url, {
      headers: await this.#headers("GET", url, attempt),
      redirect: "error",
      signal: AbortSignal.timeout(requestMs * 10),
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new AppError("spec_unavailable", `${url} was answered with status ${response.status}`);
    }
    const temporary = `${path}.${randomUUID()}.tmp`;
    const hash = createHash("sha256");
    let bytes = 0;
    const check = new Transform({
      transform(chunk: Buffer, _, next) {
        bytes += chunk.length;
        hash.update(chunk);
        next(bytes > bytesMax ? new Error("the answer is larger than announced") : null, chunk);
      },
    });
    try {
      // fetch's stream and Node's are the same thing under two declarations
      await pipeline(
        Readable.fromWeb(response.body as ReadableStream),
        check,
        createWriteStream(temporary, { mode: 0o400, flags: "wx" }),
      );
      const found = hash.digest("hex");
      if (found !== sha256) throw new AppError("spec_unavailable", `${url} has digest ${found}`);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return path;
  }

  async #headers(method: "GET" | "PUT", path: string, attempt?: string): Promise<Record<string, string>> {
    const { server, identity } = this.#options;
    const nonce = await fetchNonce(server);
    const assertion = await signAssertion(identity.key, {
      agent: identity.agent,
      audience: server + path,
      method,
      nonce: nonce.nonce,
      serverTimeMs: nonce.timeMs,
    });
    return { authorization: `Bearer ${assertion}`, ...(attempt === undefined ? {} : { [attemptHeader]: attempt }) };
  }
}

/** Why this agent does not take a version, where that is what kept it from fetching it. */
export const refusalIn = (error: unknown): string | undefined =>
  error instanceof AppError && error.code === "policy_denied" ? error.message : undefined;

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
