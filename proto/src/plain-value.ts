// What a value of others may be, wherever it comes in: in a document, a body, a frame or as the result of an expression.
const reserved = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Names that no object of others may have: by them code that copies objects has been led to change what all objects
 * inherit. Documents, bodies, frames and the values of expressions refuse them alike, because what one lets in the next
 * would have to take.
 */
export const isReservedKey = (key: string): boolean => reserved.has(key);

/** Levels of objects and lists within each other. */
export const valueDepthMax = 64;
