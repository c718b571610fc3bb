import { randomBytes } from "node:crypto";
import type { Seal } from "../auth/seal.ts";
import type { NewSecret } from "./endpoint.store.ts";

/** What messages are signed with: made here, shown once, sealed where it is kept. */
export class EndpointSecrets {
  private readonly seal: Seal;

  constructor(seal: Seal) {
    this.seal = seal;
  }

  make(projectId: string, id: string): NewSecret {
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    return { id, sealed: this.seal.seal(Buffer.from(secret), place(projectId, id)) };
  }

  open(projectId: string, { id, sealed }: NewSecret): string {
    return this.seal.open(sealed, place(projectId, id)).toString();
  }
}

/** A sealed secret can be opened in its own row alone. */
const place = (projectId: string, id: string): string => `endpoint_secrets.sealed ${projectId} ${id}`;
