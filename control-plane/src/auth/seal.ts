// What the database must keep usable and must not tell: AES-256-GCM under a key of the keys folder, one for each purpose.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

export class Seal {
  private readonly key: Buffer;

  /** @param purpose names what is sealed; what was sealed for another purpose cannot be opened */
  constructor(sealKey: Buffer, purpose: string) {
    this.key = Buffer.from(hkdfSync("sha256", sealKey, "", purpose, 32));
  }

  /** A value as it may stand in a row, bound to that row by `context`. */
  seal(value: Buffer, context: string): Buffer {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.key, iv).setAAD(Buffer.from(context));
    return Buffer.concat([iv, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  }

  /** Throws where it was sealed for another row, or changed. */
  open(sealed: Buffer, context: string): Buffer {
    const decipher = createDecipheriv("aes-256-gcm", this.key, sealed.subarray(0, 12)).setAAD(Buffer.from(context));
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  }
}
