// The composition root: every part is made here, and only here is database/ imported. Stages in the order of the flow.
import type { Server } from "node:http";
import { Module, type DynamicModule, type Provider, type Type, type WebSocketAdapter } from "@nestjs/common";
import { APP_FILTER, APP_GUARD } from "@nestjs/core";
import { ApprovalController } from "./approval/approval.controller.ts";
import { ApprovalService } from "./approval/approval.service.ts";
import { AUDIT_READER } from "./audit/audit-reader.ts";
import { AuditController } from "./audit/audit.controller.ts";
import { AUDIT } from "./audit/entry.ts";
import type { AuthService } from "./auth/auth.service.ts";
import { makeAuthSide } from "./auth/auth-side.ts";
import type { Keys } from "./auth/keys.ts";
import { PermissionGuard } from "./auth/permission.guard.ts";
import type { Site } from "./auth/site.ts";
import { BackfillController } from "./backfill/backfill.controller.ts";
import { makeBackfills } from "./backfill/make-backfills.ts";
import { answerCache } from "./cache/answer-cache.ts";
import { admissionLoop } from "./commit/admission-loop.ts";
import { COMMIT } from "./commit/commit.ts";
import { CommitLoop } from "./commit/commit-loop.ts";
import { COMMIT_SIGNALS, CommitSignals } from "./commit/commit-signals.ts";
import { HELD_WORKFLOWS, HeldWorkflows, heldWorkflowsLoop } from "./commit/held-workflows.ts";
import { LiveIndex } from "./commit/live-index.ts";
import { makeIdSource } from "./commit/id-source.ts";
import { deadlineLoop, timerLoop, type SpecialTimer } from "./commit/timer-loop.ts";
import type { Config } from "./config.ts";
import { ensureDefaults } from "./database/bootstrap.ts";
import { ColdReads } from "./database/cold-reads.ts";
import { migrate, schemaVersion } from "./database/data-source.ts";
import { checkIsolation } from "./database/isolation-check.ts";
import { createPools, isUnavailable, type Pools } from "./database/pool.ts";
import { PgAgentStore } from "./database/store/agent-store.ts";
import { PgAgentPicture } from "./database/store/agent-picture.ts";
import { PgApiTokenStore } from "./database/store/api-token.store.ts";
import { PgApprovalStore } from "./database/store/approval-store.ts";
import { PgAudit } from "./database/store/audit.store.ts";
import { PgAuthStore } from "./database/store/auth.store.ts";
import { PgBackfillStore } from "./database/store/backfill.store.ts";
import { PgEarlyStore } from "./database/store/early-store.ts";
import { PgDeliveryStore } from "./database/store/delivery-store.ts";
import { PgEventStore } from "./database/store/event-store.ts";
import { PgEventLog } from "./database/store/event-log.ts";
import { PgLimitStore } from "./database/store/limit.store.ts";
import { PgMemberStore } from "./database/store/member.store.ts";
import { PgProjectStore } from "./database/store/project.store.ts";
import { PgLogReadStore } from "./database/store/log-read-store.ts";
import { PgLogStore } from "./database/store/log-store.ts";
import { PgCommitStore } from "./database/store/pg-commit.store.ts";
import { PgDispatchStore } from "./database/store/pg-dispatch.store.ts";
import { PgOperationStore } from "./database/store/operation.store.ts";
import { PgRunStore } from "./database/store/run.store.ts";
import { PgEndpointStore } from "./database/store/endpoint-store.ts";
import { PgWebhookStore } from "./database/store/webhook-store.ts";
import { PgRelayStore } from "./database/store/relay-store.ts";
import { PgCacheStore } from "./database/store/cache-store.ts";
import { PgDeviceStore } from "./database/store/device.store.ts";
import { PgSearchStore } from "./database/store/search.store.ts";
import { PgSignInStore } from "./database/store/sign-in.store.ts";
import { PgScheduleStore } from "./database/store/schedule-store.ts";
import { PgSweepStore } from "./database/store/sweep-store.ts";
import { PgInventoryStore } from "./database/store/session-store.ts";
import { PgJoinTokenStore } from "./database/store/join-token-store.ts";
import { PgVariableStore } from "./database/store/variable.store.ts";
import { PgUserStore } from "./database/store/users.store.ts";
import { PgWorkflowStore } from "./database/store/workflow.store.ts";
import { Backlog } from "./dispatch/backlog.ts";
import { DatabaseClock } from "./dispatch/database-clock.ts";
import { DispatchLoop } from "./dispatch/dispatch-loop.ts";
import { leaseClockLoop, leaseLoop, LeaseRenewals } from "./dispatch/lease-loop.ts";
import type { Loop } from "./dispatch/loop.ts";
import { raiseLoop } from "./dispatch/raise-loop.ts";
import { DirectEgress } from "./egress/egress.ts";
import { EventController } from "./event/event.controller.ts";
import { EVENTS, type Events } from "./event/events.ts";
import { lookBack, tellLoop } from "./event/tell-loop.ts";
import { AGENT_PICTURE } from "./explain/agent-picture.ts";
import { ExplainController } from "./explain/explain.controller.ts";
import { ExplainService } from "./explain/explain.service.ts";
import { QueueService } from "./explain/queue.service.ts";
import { makeAgentSide } from "./gateway/agent-side.ts";
import { SessionRegistry } from "./gateway/session-registry.ts";
import { TokenBuckets } from "./http/token-bucket.ts";
import { ProblemFilter, type Rim } from "./http/problem.filter.ts";
import { EVENT_LOG } from "./live/event-log.ts";
import { EventReader } from "./live/event-reader.ts";
import { LiveController } from "./live/live.controller.ts";
import { OperationController } from "./operation/operation.controller.ts";
import { operationLoop } from "./operation/operation-loop.ts";
import { OperationService } from "./operation/operation.service.ts";
import { untilReachable } from "./prepare-database.ts";
import { LimitController } from "./project/limit.controller.ts";
import { LimitService } from "./project/limit.service.ts";
import { MemberController } from "./project/member.controller.ts";
import { MemberService } from "./project/member.service.ts";
import { VariableController } from "./project/variable.controller.ts";
import { VariableService } from "./project/variable.service.ts";
import { ProjectController } from "./project/project.controller.ts";
import { ProjectService } from "./project/project.service.ts";
import { makeHooksSide } from "./hooks-side.ts";
import { RELEASE, type Release } from "./project/release.ts";
import { ReportService } from "./result/report.service.ts";
import { sweepLoops } from "./retention/sweep-loops.ts";
import { RunController } from "./run/run.controller.ts";
import { RunService } from "./run/run.service.ts";
import { SteerController } from "./run/steer.controller.ts";
import { SteerService } from "./run/steer.service.ts";
import { HEALTH, HealthController, type Health } from "./telemetry/health.controller.ts";
import type { Log } from "./telemetry/log.ts";
import { AgainController } from "./trigger/again.controller.ts";
import { AgainService } from "./trigger/again.service.ts";
import { ChildStarter } from "./trigger/child-starter.ts";
import { EarlyRuns } from "./trigger/early-run.ts";
import { TriggerStarter } from "./trigger/trigger-starter.ts";
import { StartLimits } from "./trigger/start-limits.ts";
import { FireController } from "./fire/fire.controller.ts";
import { FireService } from "./fire/fire.service.ts";
import { ScheduleController } from "./schedule/schedule.controller.ts";
import { scheduleLoop } from "./schedule-loop.ts";
import { ScheduleService } from "./schedule/schedule.service.ts";
import { searchLoop } from "./search/search-loop.ts";
import { TickStarter } from "./schedule/tick-starter.ts";
import { RunRequestController } from "./trigger/run-request.controller.ts";
import { DeployController } from "./workflow/deploy.controller.ts";
import { DeployService } from "./workflow/deploy.service.ts";
import { WorkflowEditions } from "./workflow/editions.ts";
import { RunVersions } from "./workflow/run-versions.ts";
import { STORE_PATHS, StorePaths } from "./workflow/store-paths.ts";
import { WorkflowController } from "./workflow/workflow.controller.ts";
import { WORKFLOW_STORE } from "./workflow/workflow.store.ts";

export interface Surroundings {
  readonly config: Config;
  readonly keys: Keys;
  readonly log: Log;
  readonly site: Site;
  readonly version: string;
  /** Ends the waiting for a database that does not come. */
  readonly signal: AbortSignal;
}

/** Everything that lives as long as the process, without HTTP. */
export interface Stages {
  readonly pools: Pools;
  /** Takes the upgrades of agents. */
  readonly agentSocket: (http: Server) => WebSocketAdapter;
  readonly auth: AuthService;
  readonly rim: Rim;
  readonly reader: EventReader;
  readonly loops: readonly Loop[];
  readonly draining: { now: boolean };
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
}

/** Migrates the database and makes every part. @throws data_newer config_invalid */
export async function makeStages(around: Surroundings): Promise<Stages> {
  const { config, keys, log, site } = around;
  const reach = { log, isUnavailable, signal: around.signal };
  const migrated = await untilReachable(() => migrate(config.databaseUrl, keys.roleKey), reach);
  if (migrated.from !== migrated.to)
    log.info({ component: "start", from: migrated.from, to: migrated.to }, "schema migrated");
  const database = {
    url: config.databaseUrl,
    roleKey: keys.roleKey,
    ...(config.databasePoolSize === undefined ? {} : { poolSize: config.databasePoolSize }),
  };
  const pools = createPools(database);
  const cold = new ColdReads(database);
  await untilReachable(() => ensureDefaults(config.databaseUrl, pools.api), reach);
  await untilReachable(() => checkIsolation(pools.api), reach);

  const newId = makeIdSource();
  const dispatchStore = new PgDispatchStore(pools.engine);
  const commitStore = new PgCommitStore(pools);
  const clock = new DatabaseClock(await untilReachable(() => dispatchStore.tick(), reach));
  const sessions = new SessionRegistry();
  const backlog = new Backlog();
  const live = new LiveIndex();
  const signals = new CommitSignals();
  const held = new HeldWorkflows(dispatchStore, signals);
  await untilReachable(() => held.look(), reach);
  const commit = new CommitLoop(
    { store: commitStore, sessions, backlog, clock, live, signals, held, log: log.child({ component: "commit" }) },
    { publicUrl: () => site.url(), newId, isUnavailable },
  );
  const dispatchLog = log.child({ component: "dispatch" });
  const dispatch = new DispatchLoop({ store: dispatchStore, commit, sessions, backlog, log: dispatchLog });
  const eventStore = new PgEventStore(pools.engine, pools.api);
  const telling = tellLoop(eventStore, signals, dispatchLog);
  const events: Events = { store: eventStore, newId, wake: () => telling.wake() };
  const workflowStore = new PgWorkflowStore(pools.api, cold);
  const editions = new WorkflowEditions(workflowStore);
  const early = new EarlyRuns({
    store: new PgEarlyStore(pools.engine),
    nowMs: () => clock.nowMs(),
    newId,
    publicUrl: () => site.url(),
  });
  const childStarter = new ChildStarter(commit, commitStore, editions, early);
  const scheduleStore = new PgScheduleStore(pools.engine, pools.api);
  const tickStarter = new TickStarter(commit, scheduleStore, editions, early);
  const deliveries = new PgDeliveryStore(pools.engine);
  const startParts = { commit, store: deliveries, editions, early, isUnavailable, log: dispatchLog };
  const triggerStarter = new TriggerStarter(startParts);
  const runStore = new PgRunStore(pools.api, pools.engine);
  const audit = new PgAudit(pools.api);
  const runs = new RunService(runStore, editions, commit, audit);
  const paths = new StorePaths(config.dataDir);
  const picture = new PgAgentPicture(pools.api);
  const limitStore = new PgLimitStore(pools.api);
  const variables = new PgVariableStore(pools.api);
  const members = new PgMemberStore(pools.auth);
  const deploys = new DeployService(workflowStore, editions, picture, paths, {
    limits: limitStore,
    variables,
    people: members,
  });
  const versions = new RunVersions({ store: workflowStore, editions, deploys, audit });
  const again = new AgainService({ runs, editions, commit, snapshots: commitStore, paths, audit, early, versions });
  const store = new PgBackfillStore(pools.engine, pools.api);
  const nowMs = (): number => clock.nowMs();
  const schedules = new ScheduleService(scheduleStore, nowMs);
  const backfills = makeBackfills({ store, commit, signals, editions, early, again, nowMs, newId, log });
  const loops: Loop[] = [
    leaseClockLoop(dispatchStore, clock, dispatchLog),
    heldWorkflowsLoop(held, dispatchLog),
    dispatch.loop,
  ];
  const cacheStore = new PgCacheStore(pools.engine, pools.api);
  const sweeps = new PgSweepStore(pools.engine);
  if (config.roles.has("loops")) {
    loops.push(
      leaseLoop(dispatchStore, commit, dispatchLog),
      raiseLoop(dispatchStore, dispatchLog),
      admissionLoop(dispatchStore, commit, signals, dispatchLog),
      timerLoop({
        store: dispatchStore,
        commit,
        signals,
        log: dispatchLog,
        special: new Map<string, SpecialTimer>([
          ["event:look", (timer) => lookBack(eventStore, timer)],
          ["cache", (timer) => answerCache(cacheStore, timer)],
          ["child_start", (timer) => childStarter.start(timer)],
          ["schedule_start", (timer) => tickStarter.start(timer)],
          ["trigger_start", (timer) => triggerStarter.start(timer).then(() => undefined)],
          ["backfill_start", (timer) => backfills.starter.start(timer)],
        ]),
      }),
      telling,
      scheduleLoop(scheduleStore, tickStarter, newId, log),
      backfills.loop,
      deadlineLoop(dispatchStore, commit, dispatchLog),
      ...sweepLoops(sweeps, log),
      searchLoop(new PgSearchStore(pools.engine), log),
    );
  }

  const issuers = [...(config.oidc === undefined ? [] : [config.oidc]), ...config.ciTrust];
  const egress = new DirectEgress({
    allow: [...config.egressAllow, ...issuers.map(({ issuer }) => new URL(issuer).host)],
  });
  const authSide = makeAuthSide({
    config,
    keys,
    site,
    egress,
    stores: {
      auth: new PgAuthStore(pools.auth),
      tokens: new PgApiTokenStore(pools.api, pools.auth),
      users: new PgUserStore(pools.auth),
      signIn: new PgSignInStore(pools.auth),
      devices: new PgDeviceStore(pools.auth),
    },
  });
  const { auth } = authSide;
  const eventLog = new PgEventLog(pools.engine);
  const operationStore = new PgOperationStore(pools.api, pools.engine);
  const operating = operationLoop({ store: operationStore, runs, again, isUnavailable, log: dispatchLog });
  if (config.roles.has("loops")) loops.push(operating);
  const queue = new QueueService(runStore, picture, limitStore);
  const reader = new EventReader(eventLog, signals, log);
  const rim: Rim = { log, isUnavailable };
  const { limits } = config;
  const rate = new TokenBuckets({
    name: "api",
    perSecond: limits.apiPerSecond,
    burst: limits.apiPerSecond * 5,
    what: "requests of one user",
  });
  const startLimits = new StartLimits({
    startsPerSecond: limits.runStartsPerSecond,
    queuedMax: limits.queuedMax,
    countQueued: (projectId, max) => runStore.countQueued(projectId, max),
  });
  const hooks = makeHooksSide({
    webhooks: {
      store: new PgWebhookStore(pools.api),
      starter: triggerStarter,
      editions,
      sealKey: keys.sealKey,
      newId,
      nowMs: () => clock.nowMs(),
      publicUrl: () => site.url(),
      secretUrls: config.secretUrls,
      checkQueue: (project) => startLimits.checkQueue(project),
      perSecond: limits.webhooksPerSecond,
    },
    endpoints: new PgEndpointStore(pools.api, pools.engine),
    relay: new PgRelayStore(pools.engine, () => site.url()),
    egress,
    signals,
    log: dispatchLog,
  });
  if (config.roles.has("loops")) loops.push(...hooks.loops);
  const draining = { now: false };
  const release: Release = { version: around.version, schema: schemaVersion, startedAt: new Date().toISOString() };
  const health: Health = {
    ready: async () =>
      !draining.now &&
      (await pools.auth.query("SELECT 1").then(
        () => true,
        () => false,
      )),
  };

  const agentSide = makeAgentSide({
    agents: new PgAgentStore(pools.engine, pools.api, cold),
    inventories: new PgInventoryStore(pools.engine),
    logs: new PgLogStore(pools.engine),
    logReads: new PgLogReadStore(pools.api),
    sessions,
    joinTokens: new PgJoinTokenStore(pools.api, cold),
    commit,
    reports: new ReportService(commit, commitStore, live),
    leases: new LeaseRenewals(dispatchStore),
    sealKey: keys.sealKey,
    site,
    isUnavailable,
    log,
  });

  return {
    pools: {
      ...pools,
      close: async () => {
        await authSide.close();
        await egress.close();
        await cold.close();
        await pools.close();
      },
    },
    agentSocket: (http) => agentSide.adapter(http),
    auth,
    rim,
    reader,
    loops,
    draining,
    controllers: [
      HealthController,
      AuditController,
      ProjectController,
      MemberController,
      LimitController,
      VariableController,
      ScheduleController,
      FireController,
      WorkflowController,
      DeployController,
      RunRequestController,
      AgainController,
      OperationController,
      BackfillController,
      RunController,
      SteerController,
      ExplainController,
      LiveController,
      EventController,
      ApprovalController,
      ...hooks.controllers,
      ...authSide.controllers,
      ...agentSide.controllers,
    ],
    providers: [
      { provide: APP_GUARD, useValue: new PermissionGuard(auth, { origins: site.origins, cookie: site.cookie, rate }) },
      { provide: APP_FILTER, useValue: new ProblemFilter(rim) },
      { provide: RELEASE, useValue: release },
      { provide: HEALTH, useValue: health },
      { provide: COMMIT, useValue: commit },
      { provide: COMMIT_SIGNALS, useValue: signals },
      { provide: HELD_WORKFLOWS, useValue: held },
      { provide: AUDIT, useValue: audit },
      { provide: AUDIT_READER, useValue: audit },
      { provide: MemberService, useValue: new MemberService(members, auth) },
      { provide: ProjectService, useValue: new ProjectService(new PgProjectStore(pools.auth)) },
      { provide: WORKFLOW_STORE, useValue: workflowStore },
      { provide: STORE_PATHS, useValue: paths },
      { provide: WorkflowEditions, useValue: editions },
      { provide: DeployService, useValue: deploys },
      { provide: RunVersions, useValue: versions },
      { provide: RunService, useValue: runs },
      { provide: SteerService, useValue: new SteerService(runs, commit, audit) },
      { provide: AgainService, useValue: again },
      { provide: OperationService, useValue: new OperationService(operationStore, () => operating.wake()) },
      backfills.provider,
      { provide: StartLimits, useValue: startLimits },
      { provide: AGENT_PICTURE, useValue: picture },
      { provide: ExplainService, useValue: new ExplainService(runs, runStore, picture, limitStore) },
      { provide: VariableService, useValue: new VariableService(variables) },
      { provide: EarlyRuns, useValue: early },
      { provide: LimitService, useValue: new LimitService(limitStore, limitStore) },
      { provide: ScheduleService, useValue: schedules },
      { provide: FireService, useValue: new FireService({ schedules, commit, editions, early, nowMs }) },
      { provide: QueueService, useValue: queue },
      { provide: EVENT_LOG, useValue: eventLog },
      { provide: EVENTS, useValue: events },
      {
        provide: ApprovalService,
        useValue: new ApprovalService(new PgApprovalStore(pools.api), runs, editions, commit, audit),
      },
      { provide: EventReader, useValue: reader },
      ...hooks.providers,
      ...authSide.providers,
      ...agentSide.providers,
    ],
  };
}

@Module({})
export class AppModule {
  static of(stages: Stages): DynamicModule {
    return { module: AppModule, controllers: [...stages.controllers], providers: [...stages.providers] };
  }
}
