// Limits in bytes that both sides of a boundary have to agree on. docs/language.md and docs/protocol.md say what they
// bound.

/** Inline inputs or outputs of a run or a task run, as JSON. Larger values travel as files. */
export const inlineValueBytesMax = 256 * 1024;
/** A workflow file, as UTF-8. */
export const workflowBytesMax = 1024 * 1024;
/** Any frame on the agent socket. */
export const frameBytesMax = 1024 * 1024;
/** Raw payload of one log frame and of one stored log segment. */
export const logSegmentBytesMax = 64 * 1024;
/** One event of a task (progress, metric, note …), as JSON. */
export const eventBytesMax = 64 * 1024;
/** The message of a failure. */
export const messageBytesMax = 8 * 1024;
/** Body of any REST request except bundles. */
export const requestBytesMax = 1024 * 1024;
/** A code bundle, packed. */
export const bundleBytesMax = 50 * 1024 * 1024;
