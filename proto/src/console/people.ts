// Members, API tokens and the audit trail of a project, as people and their tools see them.
import { z } from "zod";
import { permissions, roles, type Permission } from "../permissions.ts";
import { pageQuery, timeSchema } from "./route.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Life of an API token, ms: 90 days where none is asked for, a year at most. */
export const tokenLifeMs = { default: 90 * dayMs, max: 365 * dayMs } as const;

/** Name of a project or of a service account. */
export const accountNamePattern = /^[a-z][a-z0-9-]{0,62}$/;
const accountName = z.string().regex(accountNamePattern, "small letters, digits and hyphens, a letter first");

export const createProjectBodySchema = z.strictObject({ name: accountName });
export type CreateProjectBody = z.infer<typeof createProjectBodySchema>;

export const memberSchema = z.object({
  user: z.string(),
  kind: z.enum(["person", "service", "local"]),
  role: z.enum(roles),
  /** The account may not sign in, and its tokens are refused. */
  disabled: z.boolean(),
  createdAt: timeSchema,
});
export type MemberView = z.infer<typeof memberSchema>;

/** The role of a system admin is no project's to give. */
export const projectRoles = roles.filter((role) => role !== "system_admin");
export const setMemberBodySchema = z.strictObject({ role: z.enum(roles).exclude(["system_admin"]) });
export type SetMemberBody = z.infer<typeof setMemberBodySchema>;

export const serviceAccountBodySchema = z.strictObject({
  name: accountName,
  role: z.enum(roles).exclude(["system_admin"]),
});
export type ServiceAccountBody = z.infer<typeof serviceAccountBodySchema>;

export const roleSchema = z.object({ role: z.enum(roles), permissions: z.array(z.string()) });

const permissionNames = Object.keys(permissions) as [Permission, ...Permission[]]; // the keys of the table

export const createTokenBodySchema = z.strictObject({
  /** What it is for, in words. */
  name: z.string().min(1).max(100),
  /** Permissions; what the holder may not do, the token may not either. */
  scopes: z.array(z.enum(permissionNames)).min(1).max(100),
  /** Default 90 days. */
  expiresInMs: z.number().int().min(minuteMs).max(tokenLifeMs.max).optional(),
  /** A service account of the project; absent: the caller. */
  serviceAccount: accountName.optional(),
});
export type CreateTokenBody = z.infer<typeof createTokenBodySchema>;

export const apiTokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  user: z.string(),
  project: z.string(),
  scopes: z.array(z.string()),
  createdBy: z.string(),
  createdAt: timeSchema,
  expiresAt: timeSchema,
  /** To a minute. */
  lastUsedAt: timeSchema.nullable(),
});
export type ApiTokenView = z.infer<typeof apiTokenSchema>;
/** The token itself is in the answer that made it and nowhere else. */
export const apiTokenMadeSchema = apiTokenSchema.extend({ token: z.string() });
export type ApiTokenMade = z.infer<typeof apiTokenMadeSchema>;

export const auditRecordSchema = z.object({
  seq: z.number().int(),
  at: timeSchema,
  actor: z.string(),
  /** A permission, such as `runs:cancel`. */
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.json()),
  previousSha256: z.string(),
  sha256: z.string(),
});
export type AuditRecordView = z.infer<typeof auditRecordSchema>;

export const auditListQuery = z.strictObject({
  ...pageQuery,
  actor: z.string().max(200).optional(),
  action: z.string().max(100).optional(),
  since: timeSchema.optional(),
  /** `asc`: from the first record, as a check of the chain reads it. Default: newest first. */
  order: z.enum(["asc", "desc"]).optional(),
});

/** The newest record of the chain; `seq` 0 where there is none. */
export const auditHeadSchema = z.object({ seq: z.number().int(), sha256: z.string(), at: timeSchema.nullable() });
export type AuditHead = z.infer<typeof auditHeadSchema>;
