// The one way to the API: same origin, the session's cookie, answers typed by the route table.
import type { RouteBody, RouteParams, RouteQuery, RouteResponse } from "@capstan/proto";
import { ApiProblem, readProblem } from "./problem.ts";
import { consoleRoutes, type ConsoleRoute } from "./routes.ts";

export interface Call<N extends ConsoleRoute> {
  readonly params?: RouteParams<N>;
  readonly query?: RouteQuery<N>;
  readonly body?: RouteBody<N>;
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
export function apiUrl<N extends ConsoleRoute>(name: N, call: Pick<Call<N>, "params" | "query"> = {}): string {
  return fill(consoleRoutes[name].path, call.params ?? {}) + queryText((call.query as object | undefined) ?? {});
}

/** Calls a route. Throws ApiProblem; code `unreachable` where no answer came. */
export async function api<N extends ConsoleRoute>(name: N, call: Call<N> = {}): Promise<RouteResponse<N>> {
  let answer: Response;
  try {
    answer = await fetch(apiUrl(name, call), {
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
