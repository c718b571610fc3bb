// Triggers by the clock: what the checker takes, and what it says of those that cannot be kept.
import { expect, test } from "vitest";
import { formatProblem, readWorkflow, schedulesOf, sourceOfCanonical } from "../../src/index.ts";

const tasks = 'inputs: { day: { type: string, optional: true } }\ntasks: { a: { run: "true" } }';
const read = (text: string) => readWorkflow({ text: `version: 1\nname: w\n${text}\n${tasks}`, file: "w.yaml" });
const found = (text: string) => read(text).problems.map(({ code, pointer, detail }) => `${code} ${pointer} ${detail}`);
const schedule = (text: string) => found(`triggers: [{ schedule: { ${text} } }]`);

test("a schedule is taken with durations in milliseconds, and known by its id or its kind", () => {
  const { document, problems } = read(`
calendars: { bank: { holidays: ["2026-12-25"] } }
triggers:
  - schedule: { cron: "0  6 * * mon-fri", timezone: Europe/Berlin, calendar: bank, onHoliday: next, jitter: 5m }
    if: trigger.at > timestamp("2026-01-01T00:00:00Z")
    inputs: { day: "\${{ date(run.scheduledAt) }}" }
    labels: { kind: "\${{ trigger.kind }}" }`);
  expect(problems).toEqual([]);
  expect(document?.triggers).toMatchObject([
    { schedule: { cron: ["0 6 * * mon-fri"], jitterMs: 300_000 }, inputs: { day: { $expr: "date(run.scheduledAt)" } } },
  ]);
  expect(document === undefined ? [] : schedulesOf(document).map(({ id }) => id)).toEqual(["schedule"]);
  if (document === undefined) throw new Error("there is no document");
  const again = readWorkflow({ text: JSON.stringify(sourceOfCanonical(document)) });
  expect(again.problems).toEqual([]);
  expect(again.document).toEqual(document);
});

test("a cron that is none, never comes or has a field of seconds is refused where it stands", () => {
  const [problem] = read('triggers:\n  - schedule: { cron: "0 0 30 2 *" }').problems;
  expect(problem === undefined ? "" : formatProblem(problem)).toBe(
    'w.yaml:4:23 bad_value "0 0 30 2 *" never comes; no month has that day',
  );
  expect(schedule('cron: ["0 6 * * *", "61 * * * *"]')).toEqual([
    'bad_value /triggers/0/schedule/cron/1 "61 * * * *" is no cron expression: 61 is no minute',
  ]);
  expect(schedule('cron: "0 0 6 * * *"')[0]).toContain("6 fields where five are needed");
  expect(schedule('cron: "0 6 * * *", from: "2026-01-01", to: "2025-01-01"')).toEqual([
    'bad_value /triggers/0/schedule/cron "0 6 * * *" never comes between from and to',
  ]);
});

test("a time zone that does not exist is refused with the nearest one", () => {
  const [problem] = read('triggers: [{ schedule: { cron: "@daily", timezone: Europe/Berln } }]').problems;
  expect(problem).toMatchObject({ code: "bad_value", hint: "did you mean Europe/Berlin?" });
  expect(schedule('cron: "@daily", timezone: "+01:00"')).toHaveLength(1);
});

test("a schedule has one time, and what does not go with it is refused", () => {
  expect(schedule("timezone: UTC")).toEqual(["missing_key /triggers/0/schedule a schedule without a time"]);
  expect(schedule('cron: "@daily", every: 10m')).toHaveLength(1);
  expect(schedule("every: 5s")[0]).toContain("bad_value");
  expect(schedule("businessDay: -1")[0]).toContain("missing_key");
  expect(schedule('businessDay: 24, at: "18:00"')[0]).toContain("bad_value");
  expect(schedule('cron: "@daily", at: "18:00"')[0]).toContain("not_applicable");
  expect(schedule('cron: "@daily", calendar: bank')[0]).toContain("unknown_calendar");
  expect(schedule('cron: "@daily", onHoliday: next')[0]).toContain("not_applicable");
  expect(schedule('cron: "@daily", catchupMax: 3')[0]).toContain("not_applicable");
  expect(schedule('dates: ["2026-12-25"]')[0]).toContain("no time with a zone");
  expect(schedule('dates: ["2020-12-25T00:00:00Z"]')).toEqual([]);
});

test("triggers of one kind need an id each, and one kind each", () => {
  const daily = '{ schedule: { cron: "@daily" } }';
  expect(found(`triggers: [${daily}, ${daily}]`).map((one) => one.split(" ")[0])).toEqual([
    "id_required",
    "id_required",
  ]);
  expect(
    found(`triggers: [{ id: a, schedule: { cron: "@daily" } }, { id: a, schedule: { cron: "@daily" } }]`),
  ).toHaveLength(1);
  expect(found("triggers: [{ id: a }]")[0]).toContain("missing_key");
});

test("inputs of a trigger are those of the workflow, and see no more than what is known then", () => {
  const with_ = (inputs: string) => found(`triggers: [{ schedule: { cron: "@daily" }, inputs: { ${inputs} } }]`);
  expect(with_("dya: x")[0]).toContain("unknown_name /triggers/0/inputs/dya");
  expect(with_('day: "${{ run.id }}"')).toHaveLength(1);
  expect(with_('day: "${{ inputs.day }}"')).toHaveLength(1);
});
