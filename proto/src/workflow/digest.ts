// The digest of a canonical document is its version.
import { canonicalJson } from "../canonical-json.ts";
import type { JsonValue } from "../json.ts";
import { sha256Hex } from "../sha256.ts";
import type { CanonicalWorkflow } from "./canonical.ts";

/** `sha256:<hex>` of the RFC 8785 JSON. */
export const digestOf = (document: CanonicalWorkflow): string => digestOfText(canonicalJsonOf(document));

/** @param canonical what `canonicalJsonOf` gave */
export const digestOfText = (canonical: string): string => `sha256:${sha256Hex(canonical)}`;

/** The code that a version runs is part of it: other code, other digest. @param bundle SHA-256 of its code */
export const withBundle = (document: CanonicalWorkflow, bundle: string | undefined): CanonicalWorkflow =>
  bundle === undefined ? document : { ...document, code: { ...document.code, bundle } };

/** The bytes that are hashed, stored and sent, as text. */
export const canonicalJsonOf = (document: CanonicalWorkflow): string => canonicalJson(document as unknown as JsonValue); // a canonical document is JSON by its type
