// The command line, from the program that parses it.
import { exitCodes } from "../../cli/src/exit-code.ts";
import { examplesOf } from "../../cli/src/help-examples.ts";
import { makeProgram } from "../../cli/src/main.ts";
import { code, heading, table } from "./page.js";

const exitMeaning = {
  done: "done; with `--wait` or `--watch` the run succeeded",
  failed: "the run failed or timed out; a test, check or start failed",
  usage: "wrong usage",
  notValid: "the workflow or the inputs are not valid",
  notAllowed: "not signed in, or not allowed",
  notFound: "not found",
  conflict: "conflict: changed meanwhile, or an idempotency key used again",
  unreachable: "the control plane or the agent cannot be reached",
  cancelled: "the run was cancelled",
  waitsForPerson: "the run waits for a person, and `--fail-on-wait` was given",
  timedOutHere: "`--timeout` ran out; the run goes on",
  interrupted: "interrupted",
};

const optionRows = (command) =>
  command.options.filter((option) => !option.hidden).map((option) => [code(option.flags), option.description]);

/** The examples of its help. A group's are those of its commands. */
function exampleBlock(command) {
  const examples = command.commands.length > 0 ? [] : examplesOf(command);
  return examples.length > 0 ? ["```", ...examples, "```", ""] : [];
}

function section(command, path, level) {
  const name = [...path, command.name()].join(" ");
  const words = command.registeredArguments.map((argument) => {
    const text = argument.variadic ? `${argument.name()}…` : argument.name();
    return argument.required ? `<${text}>` : `[${text}]`;
  });
  const options = optionRows(command);
  const own = [
    `${"#".repeat(level)} ${name}`,
    "",
    command.description(),
    "",
    `\`${["capstan", ...path, command.name(), ...words].join(" ")}\``,
    "",
    ...exampleBlock(command),
    ...(options.length > 0 ? [table(["option", "meaning"], options)] : []),
  ].join("\n");
  const inner = command.commands
    .filter((sub) => !sub._hidden)
    .map((sub) => section(sub, [...path, command.name()], level + 1));
  return [own, ...inner].join("\n");
}

export function cliPage() {
  const program = makeProgram();
  const exits = Object.entries(exitCodes).map(([name, value]) => [value, exitMeaning[name] ?? name]);
  return [
    heading("Command line", "stdout is data, stderr is talk. Every command has `--help` with examples."),
    `## Options of every command\n\n${table(["option", "meaning"], optionRows(program))}`,
    `## Exit codes\n\n${table(["code", "meaning"], exits)}`,
    "## Commands\n",
    ...program.commands.filter((command) => !command._hidden).map((command) => section(command, [], 3)),
  ].join("\n");
}
