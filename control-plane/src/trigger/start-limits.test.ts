import { expect, test, vi } from "vitest";
import type { Principal, ProjectScope } from "../http/request-context.ts";
import { StartLimits } from "./start-limits.ts";

const project: ProjectScope = { id: "p", name: "default", role: "operator" };
const person: Principal = {
  userId: "u",
  name: "ana",
  kind: "person",
  systemAdmin: false,
  via: "cookie",
  signedInMs: 0,
  expiresMs: undefined,
};
const machine: Principal = { ...person, kind: "local", via: "token" };

function place(queued: () => Promise<number> = async () => 0) {
  let nowMs = 0;
  const limits = new StartLimits({ startsPerSecond: 2, queuedMax: 100, countQueued: queued, nowMs: () => nowMs });
  return {
    admit: (who = person, runs = 1): void => limits.admit(project, who, runs, () => undefined),
    pass: (ms: number): void => void (nowMs += ms),
  };
}

test("each run of a batch counts, and the limit is the project's, whoever starts", () => {
  const { admit } = place();
  admit(person, 19);
  admit({ ...person, userId: "v" }, 1);
  expect(() => admit()).toThrow(expect.objectContaining({ code: "rate_limited", retryAfterMs: 500 }));
});

test("the token of this machine is not slowed down; a browser signed in with it is", () => {
  const { admit } = place();
  for (let i = 0; i < 500; i++) admit(machine);
  for (let i = 0; i < 20; i++) admit({ ...machine, via: "cookie" });
  expect(() => admit({ ...machine, via: "cookie" })).toThrow(expect.objectContaining({ code: "rate_limited" }));
});

test("a full queue takes no more runs, of nobody, until it was measured to have room", async () => {
  let queued = 100;
  const asked = vi.fn<() => Promise<number>>(async () => queued);
  const { admit, pass } = place(asked);
  admit(machine); // the first one is what has the queue measured
  await vi.waitFor(() =>
    expect(() => admit(machine)).toThrow(
      expect.objectContaining({ code: "queue_full", status: 429, evidence: { queued: 100, max: 100 } }),
    ),
  );
  queued = 99;
  expect(asked).toHaveBeenCalledTimes(1);
  pass(2_001);
  expect(() => admit(machine)).toThrow();
  await vi.waitFor(() => admit(machine));
  expect(asked).toHaveBeenCalledTimes(2);
});

test("a database that does not answer refuses nothing here", async () => {
  let asked = 0;
  const { admit, pass } = place(() => Promise.reject(new Error(`gone ${asked++}`)));
  for (let i = 1; i <= 5; i++) {
    admit(machine);
    expect(asked).toBe(i);
    await new Promise((resolve) => setImmediate(resolve));
    pass(3_000);
  }
});
