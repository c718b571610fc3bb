export * from "./messages.ts";
export * from "./spool-segment.ts";
