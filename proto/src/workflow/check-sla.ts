// Marks of lateness: a time of day and a time zone are text that the shape alone does not check.
import type { CanonicalWorkflow } from "./canonical.ts";
import type { ProblemList } from "./problems.ts";

const timeOfDay = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;

export function checkSla({ sla }: Pick<CanonicalWorkflow, "sla">, problems: ProblemList): void {
  if (sla?.finishBy !== undefined && !timeOfDay.test(sla.finishBy)) {
    problems.add({
      code: "bad_value",
      detail: `finishBy is a time of day such as "07:30", not ${JSON.stringify(sla.finishBy)}`,
      path: ["sla", "finishBy"],
    });
  }
  if (sla?.timezone !== undefined && !isTimeZone(sla.timezone)) {
    problems.add({
      code: "bad_value",
      detail: `${JSON.stringify(sla.timezone)} is not a time zone`,
      hint: "write a name of the IANA database, such as Europe/Berlin",
      path: ["sla", "timezone"],
    });
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
