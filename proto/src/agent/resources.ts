// What work takes of a host beside slots, and what a host has: counted where work is placed (docs/language.md, "Resources").
import { z } from "zod";
import { countSchema } from "./attempt-ref.ts";

const amounts = {
  /** Processors; a part of one is a fraction. */
  cpu: z.number().min(0),
  memoryBytes: countSchema,
  gpu: z.number().min(0),
  /** Under the agent's data folder. */
  diskBytes: countSchema,
};

/** What an agent has, or has left. */
export const resourcesSchema = z.object(amounts);
export type Resources = z.infer<typeof resourcesSchema>;
/** What is left, as frames tell it; without `diskBytes`, none. */
export const leftSchema = resourcesSchema.extend({ diskBytes: countSchema.optional() });

/** What one attempt takes; what is not named takes nothing. */
export const takesSchema = z.object({ slots: z.int().min(1) }).extend(z.object(amounts).partial().shape);
export type AttemptTakes = z.infer<typeof takesSchema>;
export type Takes = { readonly [K in keyof Resources]?: Resources[K] | undefined };

export const resourceNames = ["cpu", "memoryBytes", "gpu", "diskBytes"] as const;
export type ResourceName = (typeof resourceNames)[number];

export const noResources: Resources = { cpu: 0, memoryBytes: 0, gpu: 0, diskBytes: 0 };

/** `have + sign · takes`, never below nothing. */
export const plusTakes = (have: Resources, takes: Takes, sign: 1 | -1): Resources => {
  const one = (name: ResourceName): number => Math.max(0, have[name] + sign * (takes[name] ?? 0));
  return { cpu: one("cpu"), memoryBytes: one("memoryBytes"), gpu: one("gpu"), diskBytes: one("diskBytes") };
};

/** The first of which there is less than is needed. */
export const lackingResource = (have: Resources, takes: Takes): ResourceName | undefined =>
  resourceNames.find((name) => (takes[name] ?? 0) > have[name]);

const units = ["", "Ki", "Mi", "Gi", "Ti"] as const;

/** An amount as people write it: `4 cpu`, `16Gi memory`. */
export function amountText(name: ResourceName, amount: number): string {
  if (name === "cpu" || name === "gpu") return `${amount} ${name}`;
  let value = amount;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  // Rounded down: what a host has is never made more.
  return `${Math.floor(value * 10) / 10}${units[unit] ?? ""} ${name === "memoryBytes" ? "memory" : "disk"}`;
}

/** An attempt whose offer says nothing takes one slot. */
export const oneSlot: AttemptTakes = { slots: 1 };
