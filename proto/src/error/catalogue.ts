// The error catalogue: every code that a user can meet, once. Parts by where a code is born.
import { agentCodes } from "./agent-codes.ts";
import { apiCodes } from "./api-codes.ts";
import { cliCodes } from "./cli-codes.ts";
import type { ErrorEntry } from "./entry.ts";
import { runCodes } from "./run-codes.ts";
import { signInCodes } from "./sign-in-codes.ts";
import { specCodes } from "./spec-codes.ts";

export const errorCatalogue = { ...apiCodes, ...signInCodes, ...specCodes, ...runCodes, ...agentCodes, ...cliCodes };
export type ErrorCode = keyof typeof errorCatalogue;

/** The entry of a code, or undefined for text that is no code of ours. */
export const errorEntry = (code: string): ErrorEntry | undefined =>
  Object.hasOwn(errorCatalogue, code) ? (errorCatalogue as Record<string, ErrorEntry>)[code] : undefined;
