// The API of the fixtures and, on the same origin, the console: for development, pictures and browser tests.
// The cookie `mock` picks how the API behaves: `empty`, `slow`, `failing`, `signed-out`, `no-live`; full without it.
import { createServer, request as ask, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import type { LogLine, Me, RouteName, RouteResponse } from "@capstan/proto";
import { attemptsOf, lineCountOf, lineOf, runListOf, runOf, tasksOf } from "./fixtures.ts";

export interface MockApi {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const me: Me = {
  user: { id: "local", name: "local", kind: "local", systemAdmin: true },
  projects: [{ name: "default", role: "project_admin", permissions: ["runs:read", "runs:cancel", "logs:read"] }],
  expiresAt: null,
};
const slowMs = 1_500;

function send<N extends RouteName>(answer: ServerResponse, body: RouteResponse<N>, status = 200): void {
  answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(answer: ServerResponse, status: number, code: string, detail: string, next?: string): void {
  answer.writeHead(status, { "content-type": "application/problem+json" }).end(
    JSON.stringify({
      type: `urn:capstan:error:${code}`,
      title: code,
      status,
      detail,
      instance: "/",
      code,
      retryable: false,
      requestId: "req_01k3tt1dy3fpd8yfgt5cy4tqkf",
      ...(next === undefined ? {} : { do: next }),
    }),
  );
}

function events(answer: ServerResponse): void {
  answer.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  answer.write(": open\n\n");
}

function logs(answer: ServerResponse, run: string, task: string, query: URLSearchParams): void {
  const total = lineCountOf(run);
  const attempt = Number(query.get("attempt") ?? 1);
  const limit = Number(query.get("tail") ?? query.get("limit") ?? 1000);
  const from = query.has("tail") ? Math.max(0, total - limit) : Number(query.get("fromLine") ?? 0);
  const lines = (first: number, end: number): LogLine[] =>
    Array.from({ length: Math.max(0, end - first) }, (_, place) => lineOf(run, task, attempt, first + place));
  if (query.has("follow")) {
    events(answer);
    let next = from;
    const timer = setInterval(() => {
      answer.write(
        `id: ${next}\nevent: lines\ndata: ${JSON.stringify({ task, attempt, attemptId: `att_${run}_${task}_${attempt}`, lines: lines(next, next + 5) })}\n\n`,
      );
      next += 5;
    }, 200);
    answer.on("close", () => clearInterval(timer));
    return;
  }
  const end = Math.min(total, from + limit);
  send<"taskLogs">(answer, {
    run,
    data: lines(from, end),
    nextLine: end < total ? end : null,
    nextCursor: null,
    streams: [
      {
        task,
        attempt,
        attemptId: `att_${run}_${task}_${attempt}`,
        bytes: total * 64,
        lines: total,
        state: "complete",
        sha256: null,
      },
    ],
  });
}

function route(answer: ServerResponse, url: URL, mode: string): void {
  if (mode === "signed-out") return refuse(answer, 401, "unauthenticated", "You are not signed in.");
  if (mode === "failing")
    return refuse(
      answer,
      503,
      "unavailable",
      "The control plane cannot reach its database.",
      "Try again in a moment; nothing is lost meanwhile.",
    );
  if (url.pathname === "/api/v1/me") return send<"me">(answer, me);
  const parts = url.pathname.replace("/api/v1/projects/default/", "").split("/").map(decodeURIComponent);
  const [noun, run, part, task, detail] = parts;
  if (noun === "events")
    return mode === "no-live" ? refuse(answer, 503, "unavailable", "No live events.") : events(answer);
  if (noun !== "runs") return refuse(answer, 404, "not_found", "There is nothing at this path.");
  if (run === undefined) {
    const all =
      mode === "empty"
        ? []
        : runListOf(120)
            .filter((each) => !url.searchParams.has("state") || each.state === url.searchParams.get("state"))
            .filter((each) => each.name.includes(url.searchParams.get("q") ?? ""));
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const end = from + Number(url.searchParams.get("limit") ?? 50);
    return send<"runList">(answer, { data: all.slice(from, end), nextCursor: end < all.length ? String(end) : null });
  }
  if (run.startsWith("missing"))
    return refuse(
      answer,
      404,
      "not_found",
      `There is no run ${run}.`,
      "`capstan runs list` shows the runs that are there.",
    );
  if (part === undefined) return send<"runGet">(answer, runOf(run));
  if (part === "actions") return send<"runCancel">(answer, { run, state: "cancelling", already: false }, 202);
  if (part === "logs") return void answer.writeHead(200, { "content-type": "text/plain" }).end("log\n");
  if (task === undefined) return send<"taskList">(answer, { data: [...tasksOf(run)], nextCursor: null });
  if (detail === "attempts") return send<"attemptList">(answer, { data: [...attemptsOf(run, task)], nextCursor: null });
  if (detail === "explain")
    return send<"taskExplain">(answer, {
      subject: `${run}/${task}`,
      run,
      task,
      state: "waiting",
      code: "needs_pending",
      detail: `${task} waits for load.`,
      since: null,
      evidence: {},
      failure: null,
      do: null,
    });
  if (detail === "logs") return logs(answer, run, task, url.searchParams);
  return refuse(answer, 404, "not_found", "There is nothing at this path.");
}

/** Serves the API; everything else goes to the console at `consoleUrl`. */
export async function startMockApi(consoleUrl: string, port = 0): Promise<MockApi> {
  const server = createServer((request, answer) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const mode = /(?:^|;\s*)mock=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? "full";
    if (url.pathname.startsWith("/api/")) {
      if (mode === "slow" && url.pathname !== "/api/v1/me") setTimeout(() => route(answer, url, mode), slowMs);
      else route(answer, url, mode);
      return;
    }
    const passed = ask(
      new URL(request.url ?? "/", consoleUrl),
      { method: request.method ?? "GET", headers: request.headers },
      (from) => {
        answer.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(answer);
      },
    );
    passed.on("error", () => answer.writeHead(502).end());
    request.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  // A listening TCP server has an address with a port.
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const mock = await startMockApi(process.argv[2] ?? "http://127.0.0.1:3000", Number(process.argv[3] ?? 0));
  process.stdout.write(`${mock.url}\n`);
}
