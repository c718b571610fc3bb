// The rows of every table, for TypeORM. Rows, not domain objects: nothing here is ever passed to a stage, and nothing is
// saved through them. Migrations make the schema; a test compares the two, so that neither drifts.
import { AgentEntity } from "./agent.entity.ts";
import { AgentNonceUsedEntity } from "./agent-nonce-used.entity.ts";
import { AgentSessionEntity } from "./agent-session.entity.ts";
import { ApiTokenEntity } from "./api-token.entity.ts";
import { AttemptEntity } from "./attempt.entity.ts";
import { AuditRecordEntity } from "./audit-record.entity.ts";
import { BackfillEntity } from "./backfill.entity.ts";
import { BackfillRunEntity } from "./backfill-run.entity.ts";
import { RunSearchEntity } from "./run-search.entity.ts";
import { SearchPositionEntity } from "./search-position.entity.ts";
import { BundleEntity } from "./bundle.entity.ts";
import { CacheFlightEntity } from "./cache-flight.entity.ts";
import { CachedResultEntity } from "./cached-result.entity.ts";
import { DeployEntity } from "./deploy.entity.ts";
import { IdempotencyKeyEntity } from "./idempotency-key.entity.ts";
import { JoinTokenEntity } from "./join-token.entity.ts";
import { LaneEntity } from "./lane.entity.ts";
import { LeaseClockEntity } from "./lease-clock.entity.ts";
import { LimitEntity } from "./limit.entity.ts";
import { LimitHoldEntity } from "./limit-hold.entity.ts";
import { VariableEntity } from "./variable.entity.ts";
import { LiveAttemptEntity } from "./live-attempt.entity.ts";
import { LogSegmentEntity } from "./log-segment.entity.ts";
import { LogStreamEntity } from "./log-stream.entity.ts";
import { MemberEntity } from "./member.entity.ts";
import { OperationEntity } from "./operation.entity.ts";
import { OperationRunEntity } from "./operation-run.entity.ts";
import { PoolEntity } from "./pool.entity.ts";
import { ProjectEntity } from "./project.entity.ts";
import { ProjectEventEntity } from "./project-event.entity.ts";
import { QueuedTaskEntity } from "./queued-task.entity.ts";
import { RunDedupeKeyEntity } from "./run-dedupe-key.entity.ts";
import { RunEntity } from "./run.entity.ts";
import { RunGroupEntity } from "./run-group.entity.ts";
import { RunEventEntity } from "./run-event.entity.ts";
import { ScheduleEntity } from "./schedule.entity.ts";
import { ScheduleMissEntity } from "./schedule-miss.entity.ts";
import { SecurityEventEntity } from "./security-event.entity.ts";
import { SignInLinkEntity } from "./sign-in-link.entity.ts";
import { StoredFileEntity } from "./stored-file.entity.ts";
import { TaskRunEntity } from "./task-run.entity.ts";
import { TimerEntity } from "./timer.entity.ts";
import { TraceBatchEntity } from "./trace-batch.entity.ts";
import { UserEntity } from "./user.entity.ts";
import { UserIdentityEntity } from "./user-identity.entity.ts";
import { UserPasswordEntity } from "./user-password.entity.ts";
import { UserInvitationEntity } from "./user-invitation.entity.ts";
import { SignInFlowEntity } from "./sign-in-flow.entity.ts";
import { DeviceCodeEntity } from "./device-code.entity.ts";
import { UserSessionEntity } from "./user-session.entity.ts";
import { WorkflowTriggerEntity } from "./workflow-trigger.entity.ts";
import { TriggerDeliveryEntity } from "./trigger-delivery.entity.ts";
import { WebhookSecretEntity } from "./webhook-secret.entity.ts";
import { RelayPositionEntity } from "./relay-position.entity.ts";
import { EndpointEntity } from "./endpoint.entity.ts";
import { EndpointSecretEntity } from "./endpoint-secret.entity.ts";
import { EndpointDeliveryEntity } from "./endpoint-delivery.entity.ts";
import { WorkflowEntity } from "./workflow.entity.ts";
import { WorkflowVersionEntity } from "./workflow-version.entity.ts";

/** One for each table. */
export const entities = [
  AgentEntity,
  AgentNonceUsedEntity,
  AgentSessionEntity,
  ApiTokenEntity,
  AttemptEntity,
  AuditRecordEntity,
  BackfillEntity,
  BackfillRunEntity,
  RunSearchEntity,
  SearchPositionEntity,
  BundleEntity,
  CacheFlightEntity,
  CachedResultEntity,
  DeployEntity,
  IdempotencyKeyEntity,
  JoinTokenEntity,
  LaneEntity,
  LeaseClockEntity,
  LimitEntity,
  LimitHoldEntity,
  VariableEntity,
  LiveAttemptEntity,
  LogSegmentEntity,
  LogStreamEntity,
  MemberEntity,
  OperationEntity,
  OperationRunEntity,
  PoolEntity,
  ProjectEntity,
  ProjectEventEntity,
  QueuedTaskEntity,
  RunDedupeKeyEntity,
  RunEntity,
  RunEventEntity,
  RunGroupEntity,
  ScheduleEntity,
  ScheduleMissEntity,
  SecurityEventEntity,
  SignInLinkEntity,
  StoredFileEntity,
  TaskRunEntity,
  TimerEntity,
  TraceBatchEntity,
  UserEntity,
  UserIdentityEntity,
  UserPasswordEntity,
  UserInvitationEntity,
  SignInFlowEntity,
  DeviceCodeEntity,
  UserSessionEntity,
  WorkflowTriggerEntity,
  TriggerDeliveryEntity,
  WebhookSecretEntity,
  RelayPositionEntity,
  EndpointEntity,
  EndpointSecretEntity,
  EndpointDeliveryEntity,
  WorkflowEntity,
  WorkflowVersionEntity,
] as const;
