// The port of endpoints, and of what is sent to them, to their rows.
import type { ChangeEndpointBody, EndpointEvent, EndpointFormat, JsonObject, JsonValue } from "@capstan/proto";
import type { CheckEdition } from "../http/etag.ts";
import type { Once, OnceKey } from "../http/once-key.ts";

export interface EndpointRecord {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly types: readonly EndpointEvent[];
  readonly workflows: readonly string[] | undefined;
  readonly format: EndpointFormat;
  readonly disabledReason: string | undefined;
  readonly isFailing: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
}

export interface Try {
  readonly at: string;
  readonly status: number | null;
  readonly error: string | null;
}

export interface MessageRecord {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly createdAt: string;
  readonly outcome: "delivered" | "failed" | undefined;
  readonly attempts: number;
  readonly nextAt: string;
  readonly tries: readonly Try[];
}

export interface NewEndpoint {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly types: readonly string[];
  readonly workflows: readonly string[] | undefined;
  readonly format: EndpointFormat;
  readonly actor: string;
  readonly secret: NewSecret;
}
export interface NewSecret {
  readonly id: string;
  readonly sealed: Buffer;
}

/** A message that is to be tried now. Nobody else has it for a minute. */
export interface ClaimedMessage {
  readonly projectId: string;
  readonly id: string;
  readonly endpointId: string;
  readonly url: string;
  readonly format: EndpointFormat;
  readonly subject: string;
  readonly payload: JsonObject;
  /** This try among them, from 1. */
  readonly attempt: number;
}

export type TryOutcome =
  | { readonly kind: "delivered" }
  | { readonly kind: "again"; readonly afterMs: number }
  | { readonly kind: "failed"; readonly disable?: string };

export interface ClaimRoom {
  readonly limit: number;
  /** At most so many of one endpoint. */
  readonly ofOne: number;
  /** Endpoints that have enough under way. */
  readonly except: readonly string[];
}

export interface EndpointStore {
  list(projectId: string, id?: string): Promise<readonly EndpointRecord[]>;
  create(
    projectId: string,
    endpoint: NewEndpoint,
    key: OnceKey | undefined,
  ): Promise<Once<{ readonly id: string; readonly secretId: string }>>;
  /** False where there is none. */
  remove(projectId: string, id: string, actor: string, check: CheckEdition<EndpointRecord>): Promise<boolean>;
  /** What is left out stays; undefined where there is none. What changes nothing is not written. */
  change(
    projectId: string,
    id: string,
    change: { readonly body: ChangeEndpointBody; readonly actor: string },
    check: CheckEdition<EndpointRecord>,
  ): Promise<EndpointRecord | undefined>;
  /** Undefined where there is none. */
  rotate(
    projectId: string,
    id: string,
    made: NewSecret & { readonly overlapMs: number; readonly actor: string },
    key: OnceKey | undefined,
  ): Promise<Once<{ readonly secretId: string }> | undefined>;
  /** Those that are good now, the newest first. */
  secrets(projectId: string, endpointId: string): Promise<readonly NewSecret[]>;
  enable(projectId: string, id: string, actor: string): Promise<boolean>;
  messages(projectId: string, endpointId: string, limit: number, id?: string): Promise<readonly MessageRecord[]>;
  add(
    projectId: string,
    message: { readonly id: string; readonly endpointId: string; readonly type: string; readonly payload: JsonValue },
  ): Promise<void>;
  /** To be tried anew, from the first try on. False where there is none. */
  replay(projectId: string, endpointId: string, id: string, actor: string): Promise<boolean>;
  /** Messages of any project that are due, in the order of each subject. */
  claim(room: ClaimRoom): Promise<readonly ClaimedMessage[]>;
  settle(message: ClaimedMessage, tried: Try, outcome: TryOutcome): Promise<void>;
}
