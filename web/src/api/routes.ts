// The routes that the console calls. Only types come from proto, so none of its code reaches the browser; a path that
// differs from the route table does not compile.
import type { RouteTable } from "@capstan/proto";

type PathsOf<N extends keyof RouteTable> = {
  readonly [K in N]: { readonly method: RouteTable[K]["method"]; readonly path: RouteTable[K]["path"] };
};

export type ConsoleRoute =
  | "me"
  | "runList"
  | "runGet"
  | "taskList"
  | "taskGet"
  | "attemptList"
  | "taskExplain"
  | "taskLogs"
  | "rawLogs"
  | "runCancel"
  | "runPause"
  | "runResume"
  | "runRetry"
  | "approvalList"
  | "taskApprove"
  | "taskReject"
  | "eventStream";

export const consoleRoutes = {
  me: { method: "GET", path: "/api/v1/me" },
  runList: { method: "GET", path: "/api/v1/projects/{project}/runs" },
  runGet: { method: "GET", path: "/api/v1/projects/{project}/runs/{run}" },
  taskList: { method: "GET", path: "/api/v1/projects/{project}/runs/{run}/tasks" },
  taskGet: { method: "GET", path: "/api/v1/projects/{project}/runs/{run}/tasks/{task}" },
  attemptList: { method: "GET", path: "/api/v1/projects/{project}/runs/{run}/tasks/{task}/attempts" },
  taskExplain: { method: "GET", path: "/api/v1/projects/{project}/runs/{run}/tasks/{task}/explain" },
  taskLogs: { method: "GET", path: "/api/v1/projects/{project}/runs/{run}/tasks/{task}/logs" },
  rawLogs: { method: "GET", path: "/api/v1/projects/{project}/runs/{run}/logs/raw" },
  runCancel: { method: "POST", path: "/api/v1/projects/{project}/runs/{run}/actions/cancel" },
  runPause: { method: "POST", path: "/api/v1/projects/{project}/runs/{run}/actions/pause" },
  runResume: { method: "POST", path: "/api/v1/projects/{project}/runs/{run}/actions/resume" },
  runRetry: { method: "POST", path: "/api/v1/projects/{project}/runs/{run}/actions/retry" },
  approvalList: { method: "GET", path: "/api/v1/projects/{project}/approvals" },
  taskApprove: { method: "POST", path: "/api/v1/projects/{project}/runs/{run}/tasks/{task}/actions/approve" },
  taskReject: { method: "POST", path: "/api/v1/projects/{project}/runs/{run}/tasks/{task}/actions/reject" },
  eventStream: { method: "GET", path: "/api/v1/projects/{project}/events/stream" },
} as const satisfies PathsOf<ConsoleRoute>;
