// What control plane, console and CLI say to one another.
export * from "../permissions.ts";
export * from "./route.ts";
export * from "./problem.ts";
export * from "./auth.ts";
export * from "./sign-in.ts";
export * from "./device.ts";
export * from "./users.ts";
export * from "./project.ts";
export * from "./people.ts";
export * from "./workflow.ts";
export * from "./deploy.ts";
export * from "./run.ts";
export * from "./operation.ts";
export {
  backfillParallel,
  backfillRunOutcomes,
  backfillRunsMax,
  type BackfillPlanned,
  type BackfillRunOutcome,
  type BackfillRunView,
  type BackfillSteered,
  type BackfillValueView,
  type BackfillView,
  type StartBackfillBody,
} from "./backfill.ts";
export * from "./approval.ts";
export * from "./event.ts";
export * from "./explain.ts";
export * from "./log.ts";
export * from "./agent.ts";
export * from "./limit.ts";
export * from "./variable.ts";
export * from "./live.ts";
export * from "./delivery.ts";
export {
  endpointEvents,
  endpointFormats,
  type ChangeEndpointBody,
  type EndpointEvent,
  type EndpointFormat,
  type EndpointView,
  type MessageView,
} from "./endpoint.ts";
export {
  type DeliveryDetail,
  type DeliveryView,
  type TriggerListView,
  type WebhookSteered,
  type WebhookView,
} from "./webhook.ts";
export {
  missReasons,
  type MissReason,
  type MissView,
  type ScheduleExplanation,
  type ScheduleSteered,
  type ScheduleView,
} from "./schedule.ts";
export * from "./routes.ts";
export { parameterExamples, routeExamples } from "./route-examples.ts";
export type * from "./route-types.ts";
