import { closeCodes } from "@capstan/proto";
import { expect, test } from "vitest";
import { reconnectDelayMs } from "./backoff.ts";
import { endingOf } from "./supervisor.ts";

test("only a revocation wipes, and only it and a newer process are final", () => {
  expect(endingOf({ code: closeCodes.revoked, reason: "" })).toMatchObject({ kind: "final", exitCode: 78, wipe: true });
  expect(endingOf({ code: 1013, reason: "", status: 403, refusal: "agent_revoked" })).toMatchObject({
    kind: "final",
    exitCode: 78,
  });
  expect(endingOf({ code: closeCodes.superseded, reason: "" })).toMatchObject({
    kind: "final",
    exitCode: 75,
    wipe: false,
  });
  for (const code of [1000, 1001, 1006, 1011, 1012, 1013, 4400, 4403, 4408, 4423, 4426, 4429, 1009]) {
    expect(endingOf({ code, reason: "" }).kind, String(code)).toBe("retry");
  }
  expect(endingOf({ code: 1013, reason: "", status: 403, refusal: "" }).kind).toBe("retry");
});

test("the wait before a reconnect never exceeds a minute or a sixth of the shortest lease", () => {
  expect(reconnectDelayMs(1, undefined, 0.999)).toBeLessThan(1000);
  expect(reconnectDelayMs(50, undefined, 0.999)).toBeLessThan(60_000);
  expect(reconnectDelayMs(50, 30_000, 0.999)).toBeLessThan(5000);
  expect(reconnectDelayMs(50, 30_000, 0)).toBe(0);
});
