// What can be wrong with a workflow document. Problems of a document are `errors[].code` under `spec_invalid`.
import { errorEntries } from "./entry.ts";

export const specCodes = errorEntries({
  yaml_syntax: {
    title: "the file is not YAML",
    status: 422,
    retryable: false,
    meaning:
      "The parser cannot read the text at this place. Most often a value that holds `: `, `#`, `{`, `*` or `${{` is not in quotes.",
    do: "Put the value in quotes, and check the indentation of the line.",
  },
  yaml_feature: {
    title: "YAML can do this and a workflow must not",
    status: 422,
    retryable: false,
    meaning:
      "Tags, merge keys, several documents in a file and more than 100 alias expansions are refused, because readers disagree about them or because a few lines can grow to gigabytes.",
    do: "Write the plain value; use `defaults` for what tasks share; give each workflow its own file.",
  },
  duplicate_key: {
    title: "a key is there twice",
    status: 422,
    retryable: false,
    meaning:
      "The same key, which may be the id of a task, stands twice in one map. One of the two would be lost without a word.",
    do: "Remove or rename one of them.",
  },
  reserved_key: {
    title: "a key that cannot be used",
    status: 422,
    retryable: false,
    meaning: "`__proto__`, `constructor`, `prototype` and keys that begin with `$` have a meaning to machines.",
    do: "Choose another key.",
  },
  unknown_key: {
    title: "a key that the language does not know",
    status: 422,
    retryable: false,
    meaning: "Nothing is silently ignored, so a key with a slip of the pen is refused. The nearest known key is named.",
    do: "Correct the key, or remove it.",
  },
  missing_key: {
    title: "something required is missing",
    status: 422,
    retryable: false,
    meaning: "A workflow needs `version`, `name` and `tasks`; a part of it needs the key that is named.",
    do: "Add the key.",
  },
  wrong_type: {
    title: "a value of another type",
    status: 422,
    retryable: false,
    meaning:
      "Text, a number, true or false, a list or a map stands where another of them is needed. Unquoted `true` and `3` are no text.",
    do: "Write the value in the type that is named; put text in quotes.",
  },
  bad_value: {
    title: "a value that is not allowed",
    status: 422,
    retryable: false,
    meaning: "The value has the right type and lies outside what is allowed, or two values do not go together.",
    do: "Use one of the values, or a value of the range, that the message names.",
  },
  bad_name: {
    title: "not a name",
    status: 422,
    retryable: false,
    meaning:
      "Names are lower-case letters, digits and underscores, beginning with a letter; names of secrets are upper-case. A hyphen would be read as a minus in expressions.",
    do: "Use the name that is offered.",
  },
  reserved_name: {
    title: "a name that is taken",
    status: 422,
    retryable: false,
    meaning:
      "`in`, `true`, `false` and `null` are words of expressions, and variables that begin with CAPSTAN_ are set by the agent.",
    do: "Choose another name.",
  },
  bad_duration: {
    title: "not a duration",
    status: 422,
    retryable: false,
    meaning:
      "A duration is written `500ms`, `90s`, `10m`, `1h30m`, `2d` or `PT1H30M`. A bare number is refused, because nobody can tell seconds from minutes.",
    do: "Write the number with its unit.",
  },
  bad_pattern: {
    title: "not an RE2 pattern",
    status: 422,
    retryable: false,
    meaning: "Patterns are RE2, which takes linear time on any input. It has no look-around and no back references.",
    do: "Rewrite the pattern without them.",
  },
  unsupported_version: {
    title: "a version of the language that is not known",
    status: 422,
    retryable: false,
    meaning: "Only `version: 1` exists.",
    do: "Write `version: 1`.",
  },
  unsupported_schema: {
    title: "a keyword of JSON Schema that is not supported",
    status: 422,
    retryable: false,
    meaning:
      "`allOf`, `oneOf`, `anyOf`, `not`, `if` and `patternProperties` are not part of the types of inputs and outputs.",
    do: "Describe the value with the keywords of its type, or leave it an `object`.",
  },
  not_supported: {
    title: "known, and not supported yet",
    status: 422,
    retryable: false,
    meaning:
      "The language has this key and this release does not run it. It is refused so that nothing is silently ignored.",
    do: "Leave it out for now; the release notes say when it comes.",
  },
  duplicate_workflow: {
    title: "Two files hold a workflow of the same name",
    status: 422,
    retryable: false,
    meaning: "A name is unique in its project; both files are named.",
    do: "Rename one of the two, or deploy only one of the files.",
  },
  code_missing: {
    title: "A file that an action names is not in the code bundle",
    status: 422,
    retryable: false,
    meaning: "Agents get the files below `code.root` that match `code.include`; this one is not among them.",
    do: "Correct the path, or widen `code.include`. Files that an ignore file names never travel.",
  },
  with_mismatch: {
    title: "`with` does not fit the function's signature",
    status: 422,
    retryable: false,
    meaning: "An argument that the function needs is missing, or one is given that it does not have.",
    do: "Give what the message names; a parameter with a default may be left out.",
  },
  python_describe: {
    title: "The Python function cannot be looked at",
    status: 422,
    retryable: false,
    meaning: "Its module could not be imported on this machine, or has no such function.",
    do: "Correct the module, or pass `--no-python` where its libraries are on the agents only.",
  },
  build_failed: {
    title: "A workflow that is a program gave no document",
    status: 422,
    retryable: false,
    meaning: "The TypeScript or Python file does not compile, threw an exception, or declares no workflow.",
    do: "Correct the file at the line that is named.",
  },
  build_not_pure: {
    title: "A workflow that is a program gives another document each time",
    status: 422,
    retryable: false,
    meaning:
      "It was built twice, and the part that is named was not the same: it depends on time, chance, the order of a set, or on something that the build itself changes.",
    do: "Take the value from an input, a variable or the run instead.",
  },
  id_required: {
    title: "triggers that cannot be told apart",
    status: 422,
    retryable: false,
    meaning: "Two triggers of one kind need an id each: a schedule is known by it from one version to the next.",
    do: "Add `id`, and keep it.",
  },
  unknown_calendar: {
    title: "a calendar that is not there",
    status: 422,
    retryable: false,
    meaning: "A schedule names a calendar that the workflow's `calendars` does not have.",
    do: "Declare it, or correct the name.",
  },
  too_large: {
    title: "larger than allowed",
    status: 422,
    retryable: false,
    meaning: "The file, its nesting, its number of keys or tasks, or a text in it is above its limit.",
    do: "Make it smaller, or split the workflow.",
  },
  no_action: {
    title: "a task that says nothing to do",
    status: 422,
    retryable: false,
    meaning: "A task has exactly one action: `run`, `python`, `node`, `http` or `notify`.",
    do: "Add the action.",
  },
  two_actions: {
    title: "more than one action",
    status: 422,
    retryable: false,
    meaning: "A task or a hook has one action. Two would need an order and two outcomes.",
    do: "Make a task of each.",
  },
  not_applicable: {
    title: "a key that does not apply here",
    status: 422,
    retryable: false,
    meaning: "The key exists and has no meaning beside this action or this type.",
    do: "Remove it.",
  },
  unknown_task: {
    title: "not a task of this workflow",
    status: 422,
    retryable: false,
    meaning: "`needs` names a task that the workflow does not have.",
    do: "Correct the name, or add the task.",
  },
  cycle: {
    title: "tasks wait for each other",
    status: 422,
    retryable: false,
    meaning:
      "Following `needs` and references leads back to the task where it began, so none of these tasks could ever start. The path is named.",
    do: "Remove one of the edges on the path.",
  },
  secret_reference_invalid: {
    title: "not a reference to a secret",
    status: 422,
    retryable: false,
    meaning:
      "A secret is named by where it can be found: `env:NAME`, `file:alias/path`, `vault:alias/mount/path#key`. The text is not repeated in the message, because it might be the secret itself.",
    do: "Write a reference; never the value.",
  },
  expression_syntax: {
    title: "not an expression",
    status: 422,
    retryable: false,
    meaning: "The text within `${{ }}`, or of a condition, is not CEL, is empty, or has no end.",
    do: "Correct the expression at the column that is named.",
  },
  unknown_name: {
    title: "a name that does not exist",
    status: 422,
    retryable: false,
    meaning:
      "An expression names an input, a task, an output or a field that is not declared. The nearest name is offered.",
    do: "Correct the name, or declare it.",
  },
  unknown_function: {
    title: "a function that does not exist",
    status: 422,
    retryable: false,
    meaning:
      "Expressions have CEL's functions and a few of ours. `matches` and `cel.bind` are refused because they could be made to take minutes or gigabytes.",
    do: "Use the function that is offered.",
  },
  not_available_here: {
    title: "known, but not at this place",
    status: 422,
    retryable: false,
    meaning:
      "The variable or function exists in other places: `needs` and the status functions in `if`, `run.failure` in hooks, secrets where an agent evaluates.",
    do: "Use it where it is available, or take the value another way.",
  },
  type_mismatch: {
    title: "types that do not go together",
    status: 422,
    retryable: false,
    meaning:
      "The operands, the arguments or the result of an expression have types that do not fit. Nothing is converted by itself.",
    do: "Convert with `string(x)`, `int(x)` or `double(x)`, or compare values of one type.",
  },
  not_text: {
    title: "a value that has no text",
    status: 422,
    retryable: false,
    meaning:
      "Within a text only text, numbers, true and false, times and durations can stand; a list, a map or a file cannot.",
    do: "Pass the value alone, or turn it into text with `toJSON(x)`.",
  },
  secret_misplaced: {
    title: "a secret where it must not be",
    status: 422,
    retryable: false,
    meaning:
      "A secret is passed on whole, as `secrets.NAME` alone, and only into `with`, `env` and the fields made for it. In a longer text it could no longer be masked for certain.",
    do: "Give the task the secret by `env` or `with`, and build the text there.",
  },
  script_expression: {
    title: "an expression in a script",
    status: 422,
    retryable: false,
    meaning: "Scripts, inline code and calls are literal. A value put into their text could be made to run as code.",
    do: "Pass the value by `env` or `with`, and read it there.",
  },
  maybe_missing: {
    title: "a value that may be absent",
    status: 422,
    retryable: false,
    meaning:
      "The task may be skipped or may have failed here, or the input is optional; then there is nothing to read.",
    do: "Write `.?name.orValue(…)` with the value to use instead.",
  },
  expression_too_complex: {
    title: "an expression that is too large",
    status: 422,
    retryable: false,
    meaning: "More than 300 parts, 24 levels, or two list macros deep, chained ones counted.",
    do: "Let a task compute the value.",
  },
  unknown_var: {
    title: "a variable that the project does not have",
    status: 422,
    retryable: false,
    meaning: "A workflow reads a variable by name, and the project has none of that name.",
    do: "Correct the name, or make the variable first: `capstan vars set <name> <value>`.",
  },
  unknown_limit: {
    title: "a limit that the project does not have",
    status: 422,
    retryable: false,
    meaning:
      "A task takes a limit by name, and the project has none of that name. Nothing would ever let the task run.",
    do: "Correct the name, or make the limit first: `capstan limits set <name> <capacity>`.",
  },
  limit_unreachable: {
    title: "a weight above the limit",
    status: 422,
    retryable: false,
    meaning: "A warning: the task takes more of a limit than it has, so it can never be met as it stands.",
    do: "Lower the weight, or raise the limit with `capstan limits set`.",
  },
  condition_constant: {
    title: "a condition that is always the same",
    status: 422,
    retryable: false,
    meaning: "A warning: the condition does not depend on anything, or cannot become true under the join.",
    do: "Remove the condition, or correct the join.",
  },
  unknown_class: {
    title: "a data class that is not declared",
    status: 422,
    retryable: false,
    meaning: "`data` names a class that the workflow does not declare at its top.",
    do: "Correct the name, or declare the class under `data` with the labels that it is allowed on.",
  },
  data_rule_violated: {
    title: "classified data would go where it must not",
    status: 422,
    retryable: false,
    meaning:
      "A task that reads or makes data of a class must be bound by literals of `runsOn` to what the class is allowed on, and no notifier, hook or label may name such a value. The message shows the way the data takes, through any number of tasks.",
    do: "Bind the task with `runsOn`, leave the value out, or let a task before it take out what makes it confidential and `declassify` its output.",
  },
  data_inline: {
    title: "classified data would be kept inline",
    status: 422,
    retryable: false,
    meaning:
      "A value of a data class may only leave its agent as a file, of which the control plane has name, size and digest; this one would be stored whole with the run.",
    do: "Declare the output as `file`, declassify it, or allow the class `inline`.",
  },
  declassify_missing: {
    title: "said to be public without a reason",
    status: 422,
    retryable: false,
    meaning:
      "An output is declared `data: public` although the task reads data of a class, and nothing says who takes the class away and why.",
    do: "Add `declassify: { from, reason }` to the output, or take `data: public` away.",
  },
  unknown_workflow: {
    title: "there is no such workflow",
    status: 422,
    retryable: false,
    meaning:
      "A task starts a workflow, or a version of one, that is neither deployed in this project nor among the files.",
    do: "Deploy the other workflow with this one, or check its name.",
  },
  workflow_cycle: {
    title: "workflows start each other in a circle",
    status: 422,
    retryable: false,
    meaning: "A workflow starts another one that starts it again, so that no run of either would end.",
    do: "Take one of the named tasks out of the circle.",
  },
  trigger_cycle: {
    title: "workflows start after each other in a circle",
    status: 422,
    retryable: false,
    meaning: "The end of a run would start another one whose end starts it again, for ever.",
    do: "Take one of the named workflows' triggers, or the task that starts the other one, out of the circle.",
  },
  breaks_caller: {
    title: "a deployed workflow that starts this one would break",
    status: 422,
    retryable: false,
    meaning:
      "The new version asks for inputs that its caller does not give, or no longer has outputs that its caller reads.",
    do: "Deploy the caller in the same set, or keep the input optional and the output there.",
  },
  unknown_principal: {
    title: "there is nobody of that name",
    status: 422,
    retryable: false,
    meaning: "An approval names a user who is no member of the project, a role that does not exist, or a group.",
    do: "Name a member as user:NAME or a role as role:NAME.",
  },
});
