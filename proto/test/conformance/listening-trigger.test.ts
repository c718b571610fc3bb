// Triggers that wait for something to happen: events, the ends of other runs, webhooks.
import { expect, test } from "vitest";
import { readWorkflow, scopeAt, evaluateTree, type CanonicalWorkflow } from "../../src/index.ts";
import { sourceOfCanonical } from "../../src/workflow/to-source.ts";

const head = 'version: 1\nname: w\ninputs: { n: { type: integer, default: 1 }, url: { type: string, default: "" } }\n';
const read = (triggers: string) => readWorkflow({ text: `${head}tasks: { a: { run: "true" } }\n${triggers}` });
const found = (trigger: string): string[] =>
  read(`triggers: [${trigger}]`).problems.map(({ code, pointer, detail }) => `${code} ${pointer ?? ""} ${detail}`);
const codes = (trigger: string): string[] => found(trigger).map((one) => one.split(" ", 2).join(" "));

function document(triggers: string): CanonicalWorkflow {
  const { document: made, problems } = read(triggers);
  if (made === undefined) throw new Error(JSON.stringify(problems));
  return made;
}

test("an event is named by its type or by all that begin alike", () => {
  expect(found("{ event: { type: order.paid } }")).toEqual([]);
  expect(found('{ event: { type: "order.*" } }')).toEqual([]);
  for (const type of ["*", "order.*.paid", "*.paid", "order paid"])
    expect(codes(`{ event: { type: "${type}" } }`)).toEqual(["bad_value /triggers/0/event/type"]);
});

test("each kind sees what fired it, with its type, and nothing of another kind", () => {
  expect(
    found("{ event: { type: a }, if: trigger.event.data.ok == true, inputs: { n: '${{ trigger.event.data.n }}' } }"),
  ).toEqual([]);
  expect(found("{ workflow: { name: other }, inputs: { n: '${{ trigger.run.outputs.n }}' } }")).toEqual([]);
  expect(
    found("{ id: h, webhook: {}, if: trigger.body.n > 1.0, inputs: { url: '${{ trigger.headers.x }}' } }"),
  ).toEqual([]);
  expect(codes("{ event: { type: a }, if: trigger.body.ok == true }")).toEqual(["unknown_name /triggers/0/if"]);
  expect(codes("{ id: h, webhook: {}, inputs: { n: '${{ trigger.run.id }}' } }")).toEqual([
    "unknown_name /triggers/0/inputs/n",
  ]);
  expect(codes("{ id: h, webhook: { dedupe: '${{ trigger.bdoy.id }}' } }")).toEqual([
    "unknown_name /triggers/0/webhook/dedupe",
  ]);
});

test("a webhook is verified in one way, and one that nobody signs names its networks", () => {
  expect(codes("{ webhook: {} }")).toEqual(["id_required /triggers/0"]);
  expect(found("{ id: h, webhook: { verify: { github: true, ip: ['192.30.252.0/22', '2606:50c0::/32'] } } }")).toEqual(
    [],
  );
  expect(found("{ id: h, webhook: { verify: { hmac: { header: X-Sig, prefix: 'sha256=' } } } }")).toEqual([]);
  expect(codes("{ id: h, webhook: { verify: { github: true, slack: true } } }")).toEqual([
    "bad_value /triggers/0/webhook/verify",
  ]);
  expect(codes("{ id: h, webhook: { verify: { ip: ['10.0.0.0/8'] } } }")).toEqual([
    "bad_value /triggers/0/webhook/verify",
  ]);
  expect(codes("{ id: h, webhook: { verify: { none: true } } }")).toEqual(["missing_key /triggers/0/webhook/verify"]);
  for (const network of ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "300.0.0.0/8", "::1::/64", "a:b/129", "x/8"])
    expect(codes(`{ id: h, webhook: { verify: { none: true, ip: ['${network}'] } } }`), network).toEqual([
      "bad_value /triggers/0/webhook/verify/ip/0",
    ]);
});

test("what is written and what is meant are one: long and short forms have one digest, and are written back as such", () => {
  const digest = (triggers: string): unknown => read(triggers).digest;
  expect(digest("triggers: [{ id: h, webhook: {} }]")).toBe(
    digest("triggers: [{ id: h, webhook: { verify: { standard: true } } }]"),
  );
  expect(digest("triggers: [{ workflow: { name: o, outcome: [failed, cancelled, failed] } }]")).toBe(
    digest("triggers: [{ workflow: { name: o, outcome: [cancelled, failed] } }]"),
  );
  const made = document(`triggers:
  - { id: a, webhook: { verify: { hmac: { header: X-S, timestampHeader: X-T }, ip: ["10.0.0.0/8"] }, dedupe: "\${{ trigger.body.id }}" } }
  - { id: b, webhook: { verify: github } }
  - { id: c, event: { type: "order.*" }, inputs: { n: "\${{ trigger.event.data.n }}" } }
  - { id: d, workflow: { name: other, outcome: [failed] } }
`);
  const again = readWorkflow({ text: JSON.stringify(sourceOfCanonical(made)) });
  expect(again.problems).toEqual([]);
  expect(again.document).toEqual(made);
});

test("inputs are made of what came, with their types", () => {
  const made = document("triggers: [{ id: h, webhook: {}, inputs: { n: '${{ int(trigger.body.n) + 1 }}' } }]");
  const scope = scopeAt(made, "webhookTrigger");
  const context = { trigger: { kind: "webhook", id: "h", body: { n: 4 } } };
  const tree = made.triggers?.[0]?.inputs ?? {};
  expect(evaluateTree(tree as Parameters<typeof evaluateTree>[0], context, { scope })).toEqual({ n: 5 }); // canonical inputs
});
