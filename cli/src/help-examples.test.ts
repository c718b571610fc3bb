import type { Command } from "commander";
import { expect, test } from "vitest";
import { examplesOf } from "./help-examples.ts";
import { makeProgram } from "./main.ts";

const hidden = new Set(["complete"]);

/** Every command that does something, with the words that lead to it. */
function leaves(command: Command, path: readonly string[] = []): { path: readonly string[]; command: Command }[] {
  return command.commands
    .filter((inner) => !hidden.has(inner.name()))
    .flatMap((inner) => {
      const words = [...path, inner.name()];
      return inner.commands.length > 0 ? leaves(inner, words) : [{ path: words, command: inner }];
    });
}

/** A line as a shell cuts it; what is behind `>`, `<` and `|` is no argument. */
function words(line: string): string[] {
  const found = [...line.matchAll(/"((?:\\.|[^"])*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) =>
    (double ?? single ?? bare ?? "").replaceAll(String.raw`\"`, '"'),
  );
  const end = found.findIndex((word) => /^(?:>|<|\||&&|;)/.test(word));
  return end < 0 ? found : found.slice(0, end);
}

const program = makeProgram();
const commands = leaves(program);
let parsed: readonly string[] | undefined;
for (const { path, command } of commands)
  command.action(() => {
    parsed = path;
  });

test.each(commands.map(({ path, command }) => [path.join(" "), path, command] as const))(
  "the help of `%s` opens with examples that it accepts",
  async (_, path, command) => {
    const examples = examplesOf(command);
    expect(examples.length).toBeGreaterThan(0);
    for (const line of examples) {
      const [own, ...args] = words(line);
      expect(own).toBe("capstan");
      parsed = undefined;
      await program.parseAsync(args, { from: "user" });
      expect(parsed, line).toEqual(path);
    }
  },
);
