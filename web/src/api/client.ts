// The one way to the API: same origin, the session's cookie, answers typed by the route table.
import type { CallArguments, RouteCall, RouteResponse } from "@capstan/proto";
import { ApiProblem, readProblem } from "./problem.ts";
import { consoleRoutes, type ConsoleRoute } from "./routes.ts";

/** What the route table asks of the call; nothing that it does not know compiles. */
export type Call<N extends ConsoleRoute> = RouteCall<N> & { readonly signal?: AbortSignal };

/** The same for a route that is known only when it is called. */
interface Said {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: object;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

const fill = (path: string, params: Readonly<Record<string, string | number>>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name] ?? "")));

const queryText = (query: object): string => {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const item of values) if (item !== undefined && item !== null) search.append(key, String(item));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
};

/** The address of a route, for links and streams. */
export function apiUrl<N extends ConsoleRoute>(
  name: N,
  ...[call]: CallArguments<Pick<Call<N>, "params" | "query">>
): string {
  return address(name, (call ?? {}) as Said); // what the table asks of each route is a form of it
}

const address = (name: ConsoleRoute, { params, query }: Said): string =>
  fill(consoleRoutes[name].path, params ?? {}) + queryText(query ?? {});

/** Calls a route. Throws ApiProblem; code `unreachable` where no answer came. */
export async function api<N extends ConsoleRoute>(
  name: N,
  ...[given]: CallArguments<Call<N>>
): Promise<RouteResponse<N>> {
  const call = (given ?? {}) as Said; // what the table asks of each route is a form of it
  let answer: Response;
  try {
    answer = await fetch(address(name, call), {
      method: consoleRoutes[name].method,
      headers: {
        accept: "application/json",
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiProblem({ code: "unreachable", detail: "The control plane does not answer.", retryable: true });
  }
  if (!answer.ok) throw await readProblem(answer);
  // The answer is the control plane's own, of the version that serves this page; the types are its route table's.
  return (await answer.json()) as RouteResponse<N>;
}
