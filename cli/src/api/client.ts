// The one way to the control plane: `fetch`, typed by the route table of the contract.
//  H1. Every call that creates something carries an Idempotency-Key; the same command sent twice has one effect.
//  H2. Answers are checked against the contract before anybody reads them.
//  H3. The token is in the Authorization header and nowhere else: not in an address, a message or an error.
import { randomUUID } from "node:crypto";
import {
  AppError,
  routePath,
  routeQuery,
  routes,
  type CallArguments,
  type Route,
  type RouteCall,
  type RouteName,
  type RouteResponse,
} from "@capstan/proto";
import { ProblemError, problemFrom } from "./problem.ts";
import { readEvents, type ServerEvent } from "./event-stream.ts";

export interface ClientOptions {
  /** Origin of the front door: `http://127.0.0.1:7420`. */
  readonly server: string;
  /** Undefined: nobody is signed in yet. */
  readonly token: string | undefined;
  readonly project: string;
}

/** How a call is made, beside what it says. */
interface Manner {
  /** For routes whose body is not JSON. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  /** The run whose task this is, as its `CAPSTAN_RUN_ID` says: what it starts knows how many stand behind it. */
  readonly run?: string | undefined;
  /** A fresh one for each call unless given. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** `seen`, where the route has a precondition: the ETag of what the caller saw, as `seen()` answers it. */
export type CallOptions<N extends RouteName> = RouteCall<N, "project"> & Manner;

/** The same for a route that is known only when it is called. */
type Said = Manner & {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Parameters<typeof routeQuery>[0];
  readonly body?: unknown;
  readonly seen?: string;
};

/** A call of `capstan api`: what the contract's table is not asked about. */
export interface RawRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

// What the table asks of each route is a form of this one.
const said = <N extends RouteName>(options: CallOptions<N> | undefined): Said => (options ?? {}) as Said;

/** `seen` of a write that makes something new. */
const notThere = "new";

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  return error instanceof Error ? error.message : String(error);
};

export class Client {
  readonly server: string;
  readonly project: string;
  readonly #token: string | undefined;

  constructor(options: ClientOptions) {
    this.server = options.server.replace(/\/+$/, "");
    this.project = options.project;
    this.#token = options.token;
  }

  /** The console's page of a path such as `/runs/hello-1`. */
  page(path: string): string {
    return `${this.server}${this.project === "default" ? "" : `/p/${encodeURIComponent(this.project)}`}${path}`;
  }

  async #send(name: RouteName, options: Said, headers: Readonly<Record<string, string>>): Promise<Response> {
    const route: Route = routes[name];
    const path = routePath(route.path, { project: this.project, ...options.params }) + routeQuery(options.query ?? {});
    const sent: Record<string, string> = { ...headers };
    if (this.#token !== undefined) sent["authorization"] = `Bearer ${this.#token}`;
    if (route.idempotency === "key") sent["idempotency-key"] = options.idempotencyKey ?? randomUUID();
    if (options.run !== undefined) sent["x-capstan-run"] = options.run;
    if (options.seen === notThere) sent["if-none-match"] = "*";
    else if (options.seen !== undefined) sent["if-match"] = options.seen;
    if (options.bytes !== undefined) sent["content-type"] = route.rawBody ?? "application/octet-stream";
    // Routes with a body take `{}` where there is nothing to say.
    const json = route.body === undefined ? undefined : JSON.stringify(options.body ?? {});
    if (json !== undefined) sent["content-type"] = "application/json";
    return this.#fetch(path, {
      method: route.method,
      headers: sent,
      ...(options.bytes !== undefined ? { body: options.bytes } : json === undefined ? {} : { body: json }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  /** @throws unreachable; a ProblemError for every refusal */
  async #fetch(path: string, request: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.server + path, { ...request, redirect: "error" });
    } catch (error) {
      if (request.signal?.aborted === true) throw error;
      throw new AppError("unreachable", `${this.server} cannot be reached: ${reasonOf(error)}`, { cause: error });
    }
    if (!response.ok) throw new ProblemError(problemFrom(response.status, await response.text(), path));
    return response;
  }

  /**
   * Calls any path of this server, and gives the answer as it came.
   * @param path begins with one `/`, or a token could go elsewhere
   * @throws usage for a path that is none; unreachable; a ProblemError for every refusal
   */
  raw(path: string, request: RawRequest): Promise<Response> {
    if (!/^\/(?![/\\])/.test(path) || new URL(this.server + path).origin !== new URL(this.server).origin)
      throw new AppError("usage", `${path} is no path of ${this.server}`);
    const headers: Record<string, string> = { accept: "application/json, */*;q=0.5" };
    if (request.body !== undefined) headers["content-type"] = "application/json";
    if (request.method === "POST") headers["idempotency-key"] = randomUUID();
    for (const [name, value] of Object.entries(request.headers)) headers[name.toLowerCase()] = value;
    if (this.#token !== undefined) headers["authorization"] = `Bearer ${this.#token}`;
    return this.#fetch(path, {
      method: request.method,
      headers,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
  }

  /**
   * Calls a route and gives its answer, checked.
   * @throws unreachable; a ProblemError for every refusal
   */
  async call<N extends RouteName>(name: N, ...[options]: CallArguments<CallOptions<N>>): Promise<RouteResponse<N>> {
    return this.#answer(name, await this.#send(name, said(options), { accept: "application/json" }));
  }

  /**
   * What `read` shows now, as the `seen` of the write that follows: `notThere` where there is nothing. Whoever changes it in
   * between makes that write end with `precondition_failed`.
   */
  async seen<N extends RouteName>(read: N, options: CallOptions<N>): Promise<string> {
    try {
      const response = await this.#send(read, said(options), { accept: "application/json" });
      await response.body?.cancel();
      return response.headers.get("etag") ?? "*";
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status === 404) return notThere;
      throw error;
    }
  }

  async #answer<N extends RouteName>(name: N, response: Response): Promise<RouteResponse<N>> {
    const schema = (routes[name] as Route).response;
    const text = await response.text();
    if (schema === undefined) return undefined as RouteResponse<N>; // `never` in the table: there is no answer
    const parsed = schema.safeParse(text === "" ? undefined : parseJson(text));
    if (!parsed.success) {
      throw new AppError(
        "unreachable",
        `${this.server} answered ${name} in a form that this version does not know; compare \`capstan version --check\``,
        { cause: parsed.error },
      );
    }
    return parsed.data as RouteResponse<N>; // the schema is the one that the type is made from
  }

  /** The bytes of an answer that is not JSON. */
  async bytes<N extends RouteName>(
    name: N,
    ...[options]: CallArguments<CallOptions<N>>
  ): Promise<ReadableStream<Uint8Array> | null> {
    return (await this.#send(name, said(options), {})).body;
  }

  /** One connection of a stream of events, from `lastEventId` on; ends when the server ends it or the line breaks. */
  async *events<N extends RouteName>(
    name: N,
    options: CallOptions<N>,
    lastEventId: string | undefined,
  ): AsyncGenerator<ServerEvent> {
    const headers = {
      accept: "text/event-stream",
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    };
    const response = await this.#send(name, said(options), headers);
    if (response.body !== null) yield* readEvents(response.body);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it, with the sentence above
  }
}
