import type { CanonicalWorkflow } from "@capstan/proto";
import { expect, test } from "vitest";
import { inReadingOrder } from "./reading-order.ts";

const document = {
  tasks: {
    a_last: { needs: ["b_middle", "z_first"] },
    b_middle: { needs: ["z_first"] },
    c_first: {},
    z_first: { needs: [] },
  },
} as unknown as CanonicalWorkflow; // the order reads nothing but needs

const named = (...keys: string[]) => keys.map((key) => ({ key }));

test("each task stands after what it needs, those of one step as they came, hooks last", () => {
  const given = named("a_last", "b_middle", "c_first", "z_first", "hooks.onSuccess.0", "hooks.onFailure.0");
  expect(inReadingOrder(given, document)).toEqual(
    named("c_first", "z_first", "b_middle", "a_last", "hooks.onSuccess.0", "hooks.onFailure.0"),
  );
});
