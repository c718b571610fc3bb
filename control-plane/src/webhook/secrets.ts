// Secrets of webhooks: ours to make or the sender's to give, sealed where they are kept, shown once.
import { randomBytes } from "node:crypto";
import type { WebhookScheme } from "@capstan/proto";
import type { Seal } from "../auth/seal.ts";
import type { SealedSecret } from "./webhook.store.ts";

export class WebhookSecrets {
  private readonly seal: Seal;

  constructor(seal: Seal) {
    this.seal = seal;
  }

  /** 256 random bits, in the form that senders of the scheme take; what stands in an address has 160. */
  make(scheme: WebhookScheme): string {
    if (scheme === "standard") return `whsec_${randomBytes(32).toString("base64")}`;
    return scheme === "none" ? randomBytes(20).toString("hex") : randomBytes(32).toString("hex");
  }

  close(projectId: string, id: string, secret: string): Buffer {
    return this.seal.seal(Buffer.from(secret), place(projectId, id));
  }

  open(projectId: string, { id, sealed }: SealedSecret): string {
    return this.seal.open(sealed, place(projectId, id)).toString();
  }
}

/** A sealed secret can be opened in its own row alone. */
const place = (projectId: string, id: string): string => `webhook_secrets.sealed ${projectId} ${id}`;
