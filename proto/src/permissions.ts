// Permissions: the one table from which the guard, the documentation, the console and the tests are made.
//  M1. A route names a permission of this table, or says `signed_in` or `none`; anything else does not start.
//  M2. A permission that no route requires does not stand here.

export const roles = [
  "viewer",
  "log_viewer",
  "operator",
  "author",
  "deployer",
  "pool_admin",
  "auditor",
  "project_admin",
  "system_admin",
] as const;
export type Role = (typeof roles)[number];

export interface PermissionEntry {
  /** Roles that have it in their project. */
  readonly roles: readonly Role[];
  /** Needs a sign-in that is at most five minutes old, or a token made for it. */
  readonly reauth: boolean;
  /** Use of it is written to the audit trail. */
  readonly audited: boolean;
  readonly meaning: string;
}

const readers = [
  "viewer",
  "log_viewer",
  "operator",
  "author",
  "deployer",
  "pool_admin",
  "auditor",
  "project_admin",
] as const satisfies readonly Role[];
const contentReaders = [
  "log_viewer",
  "operator",
  "author",
  "deployer",
  "project_admin",
] as const satisfies readonly Role[];
const starters = ["operator", "author", "deployer", "project_admin"] as const satisfies readonly Role[];
const poolAdmins = ["pool_admin", "project_admin"] as const satisfies readonly Role[];
const auditReaders = ["auditor", "project_admin"] as const satisfies readonly Role[];

export const permissions = {
  "workflows:read": { roles: readers, reauth: false, audited: false, meaning: "see workflows and their versions" },
  "runs:read": { roles: readers, reauth: false, audited: false, meaning: "see runs, tasks and their history" },
  "pools:read": { roles: readers, reauth: false, audited: false, meaning: "see pools" },
  "agents:read": { roles: readers, reauth: false, audited: false, meaning: "see agents" },
  "logs:read": { roles: contentReaders, reauth: false, audited: false, meaning: "read the logs of tasks" },
  "outputs:read": { roles: contentReaders, reauth: false, audited: false, meaning: "read outputs and files of runs" },
  "runs:start": { roles: starters, reauth: false, audited: false, meaning: "start runs" },
  "runs:cancel": { roles: starters, reauth: false, audited: true, meaning: "cancel runs and tasks" },
  "runs:retry": {
    roles: starters,
    reauth: false,
    audited: true,
    meaning: "retry runs, and tasks that wait for their next attempt; end a wait before its time",
  },
  "runs:mark": {
    roles: ["operator", "deployer", "project_admin"],
    reauth: true,
    audited: true,
    meaning: "end tasks by hand as succeeded, failed or skipped",
  },
  "runs:pause": { roles: starters, reauth: false, audited: true, meaning: "pause runs and let them go on" },
  "approvals:decide": {
    roles: ["operator", "deployer", "project_admin"],
    reauth: false,
    audited: true,
    meaning: "see what waits for an approval, and answer where one is named in it",
  },
  "workflows:validate": {
    roles: ["author", "deployer", "project_admin"],
    reauth: false,
    audited: false,
    meaning: "check workflow files",
  },
  "workflows:deploy": {
    roles: ["deployer", "project_admin"],
    reauth: true,
    audited: true,
    meaning: "deploy workflows and upload their code",
  },
  "secretRefs:write": {
    roles: ["deployer", "project_admin"],
    reauth: false,
    audited: true,
    meaning: "set and remove variables of the project",
  },
  "schedules:read": { roles: readers, reauth: false, audited: false, meaning: "see schedules and what they missed" },
  "schedules:write": {
    roles: ["deployer", "project_admin"],
    reauth: false,
    audited: true,
    meaning: "pause workflows and schedules and let them go on",
  },
  "webhooks:write": {
    roles: ["deployer", "project_admin"],
    reauth: true,
    audited: true,
    meaning: "give webhooks and endpoints their secrets, switch them off and on, test them and deliver again",
  },
  "agents:drain": {
    roles: ["operator", "pool_admin", "project_admin"],
    reauth: false,
    audited: true,
    meaning: "drain agents and let them take work again",
  },
  "agents:enrol": {
    roles: poolAdmins,
    reauth: true,
    audited: true,
    meaning: "make join tokens for agents, and approve agents that wait for it",
  },
  "pools:write": { roles: poolAdmins, reauth: false, audited: true, meaning: "pin labels on agents" },
  "limits:write": { roles: poolAdmins, reauth: false, audited: true, meaning: "set and remove limits of the project" },
  "audit:read": { roles: auditReaders, reauth: false, audited: false, meaning: "read the audit trail" },
  "members:read": { roles: auditReaders, reauth: false, audited: false, meaning: "see members and roles" },
  "members:write": {
    roles: ["project_admin"],
    reauth: true,
    audited: true,
    meaning: "add members and service accounts, change roles, take members out",
  },
  "tokens:create": { roles: readers, reauth: true, audited: true, meaning: "make API tokens of one's own" },
  "tokens:list": { roles: auditReaders, reauth: false, audited: false, meaning: "see the API tokens of everybody" },
  "tokens:revoke": {
    roles: ["project_admin"],
    reauth: false,
    audited: true,
    meaning: "revoke API tokens of everybody",
  },
  "system:read": {
    roles: ["system_admin"],
    reauth: false,
    audited: false,
    meaning: "see what concerns the installation: its audit trail",
  },
  "project:write": {
    roles: ["project_admin"],
    reauth: false,
    audited: true,
    meaning: "change what is said about the project",
  },
  "projects:create": { roles: ["system_admin"], reauth: false, audited: true, meaning: "make projects" },
  "users:read": {
    roles: ["system_admin"],
    reauth: false,
    audited: false,
    meaning: "see the users of the installation",
  },
  "users:write": {
    roles: ["system_admin"],
    reauth: true,
    audited: true,
    meaning: "make users and invite, disable and enable them",
  },
  "agents:revoke": { roles: poolAdmins, reauth: false, audited: true, meaning: "revoke agents" },
} as const satisfies Record<string, PermissionEntry>;
export type Permission = keyof typeof permissions;

/** What a route asks for: a permission in its project, a sign-in, or nothing. */
export type RoutePermission = Permission | "signed_in" | "none";

/** True for what concerns the installation: a system admin has it, no role of a project does. */
export const isSystemPermission = (permission: Permission): boolean => roleAllows("system_admin", permission);

/** True where the role has the permission in its project. */
export function roleAllows(role: Role, permission: Permission): boolean {
  const entry: PermissionEntry = permissions[permission];
  return entry.roles.includes(role);
}

/** Permissions of a role, in the order of the table. */
export const permissionsOf = (role: Role): readonly Permission[] =>
  // The keys of the table are the permissions.
  (Object.keys(permissions) as Permission[]).filter((permission) => roleAllows(role, permission));
