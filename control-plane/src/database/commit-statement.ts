// The commit statement in the form that a batch needs. Each form is prepared once per connection under a name of its own;
// there are few of them, because the parts come in few combinations.
import { rowTypeName } from "./row-types.ts";
import { sql } from "./sql.ts";

export interface PreparedForm {
  readonly name: string;
  readonly text: string;
  /** Names of the parameters in order. */
  readonly parameters: readonly string[];
}

const forms = new Map<string, PreparedForm>();
const marker = /^--\{(\/|[a-zA-Z&]+)\}$/;

/** The form with the named parts, and no others. */
export function commitForm(parts: readonly string[]): PreparedForm {
  const key = parts.join(" ");
  let form = forms.get(key);
  if (form === undefined) {
    form = makeForm(new Set(parts), `commit-batch ${forms.size + 1}`);
    forms.set(key, form);
  }
  return form;
}

function makeForm(parts: ReadonlySet<string>, name: string): PreparedForm {
  const kept: string[] = [];
  let isKept = true;
  for (const line of sql("commit-batch").split("\n")) {
    const found = marker.exec(line)?.[1];
    if (found === "/") isKept = true;
    else if (found !== undefined) isKept = found.split("&").every((part) => parts.has(part));
    else if (isKept && !line.startsWith("--")) kept.push(line);
  }
  const parameters: string[] = [];
  const text = kept.join("\n").replaceAll(/:([a-zA-Z]+)::(json|rows)/g, (_, parameter: string, type: string) => {
    parameters.push(parameter);
    return `$${parameters.length}::${type === "rows" ? `${rowTypeName(parameter)}[]` : type}`;
  });
  return { name, text, parameters };
}
