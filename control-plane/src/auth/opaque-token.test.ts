import { expect, test } from "vitest";
import { hashToken, makeToken, parseToken, tokenMatches } from "./opaque-token.ts";

test("a token is read back, and holds 256 bits of secret beside its public id", () => {
  const token = makeToken("session");
  expect(token.text).toMatch(/^capstan_session_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
  expect(parseToken(token.text)).toEqual(token);
});

test("no two tokens share an id or a secret", () => {
  const texts = new Set(Array.from({ length: 200 }, () => makeToken("link").text));
  expect(texts.size).toBe(200);
});

test("one changed character anywhere is told before any query", () => {
  const { text } = makeToken("local");
  for (let at = "capstan_local_".length; at < text.length; at++) {
    if (text[at] === "_") continue;
    const other = text[at] === "a" ? "b" : "a";
    expect(parseToken(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
  }
  expect(parseToken(text.slice(0, -1))).toBeUndefined();
  expect(parseToken(` ${text}`)).toBeUndefined();
});

test("an unknown kind is no token, even with a right checksum", () => {
  expect(parseToken(makeToken("local").text.replace("_local_", "_admin_"))).toBeUndefined();
});

test("only the token that was hashed matches its hash", () => {
  const token = makeToken("session");
  expect(tokenMatches(token.text, hashToken(token.text))).toBe(true);
  expect(tokenMatches(makeToken("session").text, hashToken(token.text))).toBe(false);
  expect(tokenMatches(token.text, Buffer.alloc(0))).toBe(false);
});
