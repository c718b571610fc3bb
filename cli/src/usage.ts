// What commander found wrong with a command line, in our words: with the nearest right ones and the command to ask.
import { AppError } from "@capstan/proto";
import type { Command, CommanderError } from "commander";
import { didYouMean } from "./suggestion.ts";

/** The command that the words name as far as they do, and the words of its path. */
export function commandOf(program: Command, argv: readonly string[]): { command: Command; path: readonly string[] } {
  let command = program;
  const path: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (word === "--") break;
    if (word.startsWith("-")) {
      // A flag of the program's own stands before the command, and takes the next word with it where it has a value.
      const option = program.options.find((one) => one.long === word || one.short === word);
      if (option?.required === true && !word.includes("=")) index++;
      continue;
    }
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next === undefined) break;
    command = next;
    path.push(word);
  }
  return { command, path };
}

const allCommands = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(allCommands)];

/** `option '-n, --limit <n>' argument '0' is invalid. why` as `--limit 0: why`. */
function valueError(said: string): string {
  const match = /^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. (.+)$/s.exec(said);
  if (match !== null) return `${match[1] ?? ""} ${match[2] ?? ""}: ${match[3] ?? ""}`;
  const argument = /^command-argument value '(.*)' is invalid for argument '([^']*)'\. (.+)$/s.exec(said);
  return argument === null ? said : `${argument[1] ?? ""} for <${argument[2] ?? ""}>: ${argument[3] ?? ""}`;
}

/** What to look at: the help of the command that was meant. */
export const helpOf = (program: Command, argv: readonly string[]): string =>
  ["capstan", ...commandOf(program, argv).path, "--help"].join(" ");

/** The error in our words. */
export function usageError(program: Command, error: CommanderError, argv: readonly string[]): AppError {
  const { command, path } = commandOf(program, argv);
  const said = error.message.replace(/^error: /, "").replace(/\.$/, "");
  const wrong = /'([^']+)'/.exec(said)?.[1] ?? "";
  const own = (commands: readonly Command[]): string[] => commands.map((one) => one.name());
  switch (error.code) {
    case "commander.unknownCommand": {
      const near = didYouMean(wrong, own(command.commands));
      const elsewhere = near === "" ? didYouMean(wrong, [...new Set(own(allCommands(program)))]) : near;
      return new AppError("usage", `${["capstan", ...path].join(" ")} has no command ${wrong}.${elsewhere}`);
    }
    case "commander.unknownOption": {
      const flags = [...command.options, ...program.options].flatMap(({ long, short }) => [long ?? "", short ?? ""]);
      const known = flags.filter((flag) => flag !== "" && flag.length > 1);
      return new AppError("usage", `there is no option ${wrong}.${didYouMean(wrong, known)}`);
    }
    case "commander.invalidArgument": {
      const choices = /Allowed choices are (.+)$/.exec(said)?.[1];
      const value = /value '([^']*)' is invalid/.exec(said)?.[1] ?? /argument '([^']*)' is invalid/.exec(said)?.[1];
      if (choices === undefined || value === undefined) return new AppError("usage", valueError(said));
      return new AppError("usage", `${value} is none of ${choices}.${didYouMean(value, choices.split(", "))}`);
    }
    case "commander.missingArgument":
      return new AppError("usage", `${["capstan", ...path].join(" ")} needs <${wrong}>`);
    case "commander.missingMandatoryOptionValue":
      return new AppError("usage", `${["capstan", ...path].join(" ")} needs ${wrong}`);
    case "commander.optionMissingArgument":
      return new AppError("usage", `${wrong} needs a value`);
    case "commander.excessArguments":
      return new AppError("usage", `${["capstan", ...path].join(" ")} takes fewer words: ${said}`);
    default:
      return new AppError("usage", said);
  }
}
