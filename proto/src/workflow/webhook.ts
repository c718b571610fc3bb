// How a webhook proves who sent it, and which deliveries are the same.
import * as z from "zod";
import type { DynamicText } from "./canonical.ts";
import { dynamicText, optional, present } from "./present.ts";
import { requiredText, text } from "./scalar-schema.ts";

export const webhookSchemes = ["standard", "github", "gitlab", "stripe", "slack", "hmac", "bearer", "none"] as const;
export type WebhookScheme = (typeof webhookSchemes)[number];

const headerText = requiredText(100).regex(/^[A-Za-z0-9-]+$/, {
  error: "bad_value: a header has letters, digits and -",
});

/** A signature in a header of its own: over the body, or over `timestamp.body` where a timestamp is sent with it. */
const hmac = z.strictObject({
  header: headerText,
  algorithm: z.enum(["sha256", "sha512"]).optional(),
  encoding: z.enum(["hex", "base64"]).optional(),
  prefix: text(50).optional(),
  timestampHeader: headerText.optional(),
});

const plain = z.literal(true).optional();
const long = z.strictObject({
  standard: plain,
  github: plain,
  gitlab: plain,
  stripe: plain,
  slack: plain,
  bearer: plain,
  none: plain,
  hmac: hmac.optional(),
  /** Only from these networks. */
  ip: z.array(requiredText(50)).min(1).max(100).optional(),
});

export const webhook = z.strictObject({
  verify: z.union([z.enum(["standard", "github", "gitlab", "stripe", "slack", "bearer"]), long]).optional(),
  dedupe: text(4200).optional(),
});
export type WebhookSource = z.output<typeof webhook>;

export interface CanonicalHmac {
  readonly header: string;
  readonly algorithm: "sha256" | "sha512";
  readonly encoding: "hex" | "base64";
  readonly prefix?: string;
  readonly timestampHeader?: string;
}

export interface CanonicalWebhook {
  readonly scheme: WebhookScheme;
  readonly hmac?: CanonicalHmac;
  /** Networks in CIDR notation that it may come from; any, where there are none. */
  readonly ip?: readonly string[];
  /** What names a delivery, where the scheme has no header for it, or another one. */
  readonly dedupe?: DynamicText;
}

/** The schemes that a `verify` names; one, where it is right. */
export const schemesOf = (verify: WebhookSource["verify"] = "standard"): readonly WebhookScheme[] =>
  typeof verify === "string" ? [verify] : webhookSchemes.filter((scheme) => verify[scheme] !== undefined);

export function webhookOf({ verify = "standard", dedupe }: WebhookSource): CanonicalWebhook {
  const [scheme = "standard"] = schemesOf(verify);
  const given = typeof verify === "string" ? {} : verify;
  return present({
    scheme,
    hmac: optional(given.hmac, ({ algorithm = "sha256", encoding = "hex", ...rest }): CanonicalHmac =>
      present({ ...rest, algorithm, encoding }),
    ),
    ip: given.ip,
    dedupe: optional(dedupe, dynamicText),
  });
}

/** `verify` as an author writes it. */
export function verifyOf({ scheme, hmac: settings, ip }: CanonicalWebhook): unknown {
  if (settings === undefined && ip === undefined) return scheme;
  return { [scheme]: settings ?? true, ...(ip === undefined ? {} : { ip }) };
}
