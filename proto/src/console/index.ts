// What control plane, console and CLI say to one another.
export * from "../permissions.ts";
export * from "./route.ts";
export * from "./problem.ts";
export * from "./auth.ts";
export * from "./project.ts";
export * from "./people.ts";
export * from "./workflow.ts";
export * from "./deploy.ts";
export * from "./run.ts";
export * from "./approval.ts";
export * from "./event.ts";
export * from "./explain.ts";
export * from "./log.ts";
export * from "./agent.ts";
export * from "./limit.ts";
export * from "./live.ts";
export * from "./routes.ts";
export type * from "./route-types.ts";
