import { afterAll, expect, test } from "vitest";
import { checkPassword, Passwords } from "./password.ts";

const passwords = new Passwords();
afterAll(() => passwords.close());

test("a password is known by its hash, which says how it was made and differs each time", async () => {
  const hash = await passwords.hash("correct horse battery staple");
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await passwords.hash("correct horse battery staple")).not.toBe(hash);
  expect(await passwords.matches("correct horse battery staple", hash)).toBe(true);
  expect(await passwords.matches("correct horse battery stapl", hash)).toBe(false);
  expect(await passwords.matches("", hash)).toBe(false);
  expect(await passwords.matches("correct horse battery staple", "no hash")).toBe(false);
});

test("letters that look alike to a person and were typed in another form are the same password", async () => {
  const hash = await passwords.hash("Zürich am Morgen");
  expect(await passwords.matches("Zu\u0308rich am Morgen", hash)).toBe(true);
});

test("a name that nobody has costs the same work as one that somebody has", async () => {
  const hash = await passwords.hash("correct horse battery staple");
  const timed = async (of: string | undefined): Promise<number> => {
    const started = performance.now();
    expect(await passwords.matches("wrong", of)).toBe(false);
    return performance.now() - started;
  };
  const [known, unknown]: [number[], number[]] = [[], []];
  for (let i = 0; i < 8; i++) {
    known.push(await timed(hash));
    unknown.push(await timed(undefined));
  }
  const least = (all: readonly number[]): number => Math.min(...all);
  // Without the work an answer would come within a fraction of a millisecond.
  expect(least(unknown)).toBeGreaterThan(least(known) / 3);
});

test("more than the thread can take is refused and not kept", async () => {
  const all = await Promise.allSettled(Array.from({ length: 60 }, () => passwords.matches("wrong", undefined)));
  const refused = all.filter((one) => one.status === "rejected");
  expect(refused.length).toBeGreaterThan(20);
  expect(refused[0]?.reason).toMatchObject({ code: "rate_limited" });
  expect(await passwords.matches("wrong", undefined)).toBe(false);
});

test.each(["short", "eleven char", "aaaaaaaaaaaaaaaa", "abababababab", "i am ana-ruiz!", "long".repeat(80)])(
  "%j is too weak",
  (text) => {
    expect(() => checkPassword(text, "ana-ruiz")).toThrow(expect.objectContaining({ code: "password_weak" }));
  },
);

test("four words are good", () => {
  expect(() => checkPassword("correct horse battery staple", "ana-ruiz")).not.toThrow();
});
