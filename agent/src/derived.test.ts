// Versions that were made for one run: the agent makes them again from the deployed one, and believes nothing more.
import { afterEach, expect, test } from "vitest";
import { deriveWorkflow, readWorkflow, type CanonicalWorkflow } from "@capstan/proto";
import { makeAgentFixture, until, type AgentFixture } from "./testing/agent-fixture.ts";

let fixture: AgentFixture | undefined;
afterEach(async () => {
  await fixture?.dispose();
  fixture = undefined;
});

const tells = (who: string): string => `printf '{"who":"${who}"}' > "$OUT"`;

/** A deployed version, and the one of a run that changes the script in it. */
function parts({ fake }: AgentFixture): { readonly deployed: CanonicalWorkflow; readonly changed: CanonicalWorkflow } {
  const { document: deployed, problems } = readWorkflow({
    text: JSON.stringify({
      version: 1,
      name: "job",
      overridable: ["/tasks/hi/run/script"],
      tasks: { hi: { run: tells("world") } },
    }),
  });
  if (deployed === undefined) throw new Error(JSON.stringify(problems));
  const made = deriveWorkflow(deployed, fake.addDocument(deployed), { "/tasks/hi/run/script": tells("ana") });
  if (made.kind === "refused") throw new Error(JSON.stringify(made.problems));
  return { deployed, changed: made.document };
}

test("what the deployed version lets a run change is run", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const digest = fake.addDocument(parts(fixture).changed);
  await fixture.start();
  const [attempt = ""] = fake.offer(digest, "hi");
  await until(() => fake.finishOf(attempt) !== undefined);
  expect(fake.finishOf(attempt)).toMatchObject({ outcome: "succeeded", outputs: { who: "ana" } });
});

test("a version that changes more than it says, or more than it may, is refused before anything runs", async () => {
  fixture = await makeAgentFixture();
  const { fake } = fixture;
  const { deployed, changed } = parts(fixture);
  const { derived, tasks } = changed;
  const hi = tasks["hi"];
  if (hi === undefined || derived === undefined) throw new Error("it has both");
  const silent = { ...changed, tasks: { hi: { ...hi, env: { A: "1" } } } };
  const beyond = { ...silent, derived: { ...derived, set: { ...derived.set, "/tasks/hi/env/A": "1" } } };
  const opened = { ...beyond, overridable: ["/tasks/hi/env", "/tasks/hi/run/script"] };
  const ofItself = { ...changed, derived: { ...derived, from: fake.addDocument(changed) } };
  await fixture.start();
  for (const document of [silent, beyond, opened, ofItself]) {
    const [attempt = ""] = fake.offer(fake.addDocument(document), "hi");
    await until(() => fake.itemsOf(attempt).length > 0);
    expect(fake.itemsOf(attempt)).toMatchObject([{ kind: "reject", reason: "policy_denied" }]);
  }
  const [honest = ""] = fake.offer(fake.addDocument(deployed), "hi");
  await until(() => fake.finishOf(honest) !== undefined);
  expect(fake.finishOf(honest)).toMatchObject({ outcome: "succeeded", outputs: { who: "world" } });
});
