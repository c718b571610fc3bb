// Settings of signing people in by OpenID Connect.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { AppError, roles } from "@capstan/proto";

export const oidcSettings = [
  "CAPSTAN_OIDC__ISSUER",
  "CAPSTAN_OIDC__CLIENT_ID",
  "CAPSTAN_OIDC__CLIENT_SECRET_FILE",
  "CAPSTAN_OIDC__SCOPES",
  "CAPSTAN_OIDC__GROUPS_CLAIM",
  "CAPSTAN_OIDC__ROLES",
  "CAPSTAN_OIDC__ADMIN_GROUP",
  "CAPSTAN_OIDC__LABEL",
] as const;
type OidcSetting = (typeof oidcSettings)[number];

const groupRoleSchema = z.strictObject({
  group: z.string().min(1).max(1024),
  project: z.string().min(1).max(128),
  role: z.enum(roles).exclude(["system_admin"]),
});

/** Whoever is in the group has the role in the project. */
export type GroupRole = z.infer<typeof groupRoleSchema>;

export interface OidcConfig {
  /** As the provider writes it in its tokens. */
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined: a public client, which proves itself by PKCE alone. */
  readonly clientSecret: string | undefined;
  readonly scopes: readonly string[];
  readonly groupsClaim: string;
  /** The first that matches gives the role in its project. */
  readonly roles: readonly GroupRole[];
  /** Its members administer the installation; undefined: no group decides that. */
  readonly adminGroup: string | undefined;
  /** On the button of the sign-in page. */
  readonly label: string;
}

const invalid = (name: OidcSetting, why: string): AppError => new AppError("config_invalid", `${name} ${why}`);

/** @throws config_invalid */
export function readOidc(get: (name: OidcSetting) => string | undefined): OidcConfig | undefined {
  const issuer = get("CAPSTAN_OIDC__ISSUER");
  if (issuer === undefined) {
    const lost = oidcSettings.find((name) => get(name) !== undefined);
    if (lost !== undefined) throw invalid(lost, "is set, and CAPSTAN_OIDC__ISSUER is not");
    return undefined;
  }
  const clientId = get("CAPSTAN_OIDC__CLIENT_ID");
  if (clientId === undefined)
    throw invalid("CAPSTAN_OIDC__CLIENT_ID", "is not set: it is what the provider calls Capstan");
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url === undefined || url.search !== "" || url.hash !== "" || url.username !== "")
    throw invalid("CAPSTAN_OIDC__ISSUER", "must be an address without query, fragment and user");
  if (!isSafe(url)) throw invalid("CAPSTAN_OIDC__ISSUER", `is ${issuer}: off this machine it must begin with https://`);
  const scopes = (get("CAPSTAN_OIDC__SCOPES") ?? "openid profile email")
    .split(/[\s,]+/)
    .filter((scope) => scope !== "");
  if (!scopes.includes("openid")) throw invalid("CAPSTAN_OIDC__SCOPES", "must contain openid");
  const rules = groupRoles(get("CAPSTAN_OIDC__ROLES"));
  const adminGroup = get("CAPSTAN_OIDC__ADMIN_GROUP");
  const groupsClaim = get("CAPSTAN_OIDC__GROUPS_CLAIM") ?? "groups";
  return {
    issuer,
    clientId,
    clientSecret: secret(get("CAPSTAN_OIDC__CLIENT_SECRET_FILE")),
    scopes,
    groupsClaim,
    roles: rules,
    adminGroup,
    label: (get("CAPSTAN_OIDC__LABEL") ?? `Sign in with ${url.hostname}`).slice(0, 60),
  };
}

/** Tokens and secrets travel by these addresses: https, or http that never leaves this machine. */
export const isSafe = (url: URL): boolean =>
  url.protocol === "https:" ||
  (url.protocol === "http:" && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname));

function secret(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new AppError("config_invalid", `CAPSTAN_OIDC__CLIENT_SECRET_FILE names ${file}, which cannot be read`, {
      cause,
    });
  }
  if (text === "") throw invalid("CAPSTAN_OIDC__CLIENT_SECRET_FILE", `names ${file}, which is empty`);
  return text;
}

function groupRoles(text: string | undefined): readonly GroupRole[] {
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("CAPSTAN_OIDC__ROLES", "must be JSON");
  }
  const parsed = z.array(groupRoleSchema).max(1000).safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(
    "CAPSTAN_OIDC__ROLES",
    `must be a list such as [{"group":"data","project":"default","role":"operator"}]; /${issue?.path.join("/") ?? ""}: ${issue?.message ?? ""}`,
  );
}
