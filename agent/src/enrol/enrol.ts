// Enrolment (docs/protocol.md, "Enrolment and connection proofs"): the agent proves that it knows the join secret
// without sending it, and so does the server in its answer.
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import {
  agentPaths,
  AppError,
  enrolAnswerMacText,
  enrolAnswerSchema,
  enrolKeyInfo,
  enrolMacText,
  nonceAnswerSchema,
  parseJoinToken,
  protocolRange,
  type ErrorCode,
  type NonceAnswer,
} from "@capstan/proto";
import { makeIdentityKey, makeSealingKey, signEnrolProof } from "./credential.ts";
import { hasIdentity, writeIdentity } from "./identity.ts";

export interface EnrolOptions {
  readonly server: string;
  readonly token: string;
  readonly name: string;
  readonly dataDir: string;
  readonly facts: Readonly<Record<string, string>>;
}

export interface Enrolled {
  readonly agent: string;
  readonly project: string;
  readonly pool: string;
  readonly state: "active" | "pending";
  /** Fingerprint of the identity key; the console shows the same. */
  readonly fingerprint: string;
}

const requestMs = 15_000;

/** @throws agent_already_enrolled, join_token_invalid, join_token_cidr, agent_name_taken, enrol_answer_invalid, enrol_failed */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const { server, name, dataDir } = options;
  if (hasIdentity(dataDir)) throw new AppError("agent_already_enrolled", `${dataDir} already holds an agent identity`);
  const token = parseJoinToken(options.token);
  if (token === undefined) throw new AppError("join_token_invalid", "the join token is cut or mistyped");
  const [identity, sealing, nonce] = await Promise.all([makeIdentityKey(), makeSealingKey(), fetchNonce(server)]);
  const key = Buffer.from(hkdfSync("sha256", token.secret, token.id, enrolKeyInfo, 32));
  const macOf = (text: string): string => createHmac("sha256", key).update(text).digest("base64url");
  const proof = await signEnrolProof(identity, {
    identity: identity.publicJwk,
    sealing: sealing.publicJwk,
    nonce: nonce.nonce,
    origin: server,
    name,
    facts: { ...options.facts },
    protocol: protocolRange,
  });
  const mac = macOf(
    enrolMacText({
      identityThumbprint: identity.thumbprint,
      sealingThumbprint: sealing.thumbprint,
      nonce: nonce.nonce,
      origin: server,
    }),
  );
  const body = await requestJson(server + agentPaths.enrol, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tokenId: token.id, proof, mac }),
  });
  const parsed = enrolAnswerSchema.safeParse(body);
  if (!parsed.success)
    throw new AppError("enrol_answer_invalid", `${server} answered the enrolment with something else`);
  const { mac: given, ...answer } = parsed.data;
  const isServer = timingSafeEqual(Buffer.from(given), Buffer.from(macOf(enrolAnswerMacText(answer))));
  if (!isServer || answer.nonce !== nonce.nonce) {
    throw new AppError("enrol_answer_invalid", `the answer of ${server} does not prove that it knows the join token`);
  }
  writeIdentity(dataDir, {
    version: 1,
    server,
    name,
    // generateKeyPair made both as OKP keys with their private part
    identity: identity.privateJwk as never,
    sealing: sealing.privateJwk as never,
    answer: parsed.data,
  });
  const { agent, project, pool, state } = answer;
  return { agent, project, pool, state, fingerprint: identity.thumbprint };
}

/** @throws enrol_failed where the server cannot be reached or answers something else */
export async function fetchNonce(server: string): Promise<NonceAnswer> {
  const parsed = nonceAnswerSchema.safeParse(await requestJson(server + agentPaths.nonce, {}));
  if (!parsed.success)
    throw new AppError("enrol_failed", `${server} is no Capstan control plane: its nonce has another form`);
  return parsed.data;
}

const told: ReadonlySet<string> = new Set<ErrorCode>([
  "join_token_invalid",
  "join_token_cidr",
  "agent_name_taken",
  "protocol_unsupported",
  "agent_revoked",
]);

async function requestJson(url: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(requestMs) });
  } catch (cause) {
    throw new AppError("enrol_failed", `cannot reach ${new URL(url).origin}: ${reasonOf(cause)}`, { cause });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body;
  const problem = typeof body === "object" && body !== null ? (body as { code?: unknown; detail?: unknown }) : {};
  const code =
    typeof problem.code === "string" && told.has(problem.code) ? (problem.code as ErrorCode) : "enrol_failed";
  const detail = typeof problem.detail === "string" ? problem.detail.slice(0, 500) : `status ${response.status}`;
  throw new AppError(code, `${new URL(url).origin}: ${detail}`);
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
