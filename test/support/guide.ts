// A guide as something that can be run: its files, and its commands with what they print.
//  D1. A block whose first line is a comment with a path (`# workflows/a.yaml`, `// jobs/a.mjs`, `-- query.sql`) is that file.
//  D2. A YAML block that begins `version: 1` is the workflow file of its name. One with any other beginning is a fragment.
//  D3. In a `console` block each line that begins `$ ` is a command, run in the folder of the guide; what follows must be
//      found in its output in this order, line by line. `…` stands for anything, within a line or for lines.
//  D4. `; echo $?` behind a command means that another exit code than 0 is expected; the code is the last line.

export interface GuideCommand {
  readonly line: number;
  readonly command: string;
  readonly expected: readonly string[];
}

export interface Guide {
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  readonly commands: readonly GuideCommand[];
  /** YAML that is part of a document, with its line. */
  readonly fragments: readonly { readonly line: number; readonly text: string }[];
}

const commentedPath = /^(?:#|\/\/|--)\s+((?:[\w.-]+\/)*[\w.-]+\.[a-z]+)$/;

/** Reads a Markdown page. */
export function readGuide(markdown: string): Guide {
  const files: Record<string, string> = {};
  const commands: GuideCommand[] = [];
  const fragments: { line: number; text: string }[] = [];
  for (const { language, line, lines } of blocksOf(markdown)) {
    const path = commentedPath.exec(lines[0] ?? "")?.[1];
    const text = `${lines.join("\n")}\n`;
    const name = /^version: 1\nname: (\w+)/.exec(text.replace(/^#.*\n/, ""))?.[1];
    if (language === "console") commands.push(...commandsOf(lines, line));
    else if (path !== undefined) files[path] = text;
    else if (language === "yaml" && name !== undefined) files[`workflows/${name}.yaml`] = text;
    else if (language === "yaml") fragments.push({ line, text });
  }
  return { title: /^# (.+)$/m.exec(markdown)?.[1] ?? "", files, commands, fragments };
}

interface Block {
  readonly language: string;
  readonly line: number;
  readonly lines: readonly string[];
}

function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    const fence = /^```(\w*)/.exec(text);
    if (fence !== null && open === undefined) open = { language: fence[1] ?? "", line: index + 2, lines: [] };
    else if (fence !== null && open !== undefined) {
      blocks.push(open);
      open = undefined;
    } else open?.lines.push(text);
  }
  return blocks;
}

function commandsOf(lines: readonly string[], firstLine: number): readonly GuideCommand[] {
  const commands: { line: number; command: string; expected: string[] }[] = [];
  for (const [index, text] of lines.entries()) {
    const last = commands.at(-1);
    if (text.startsWith("$ ")) commands.push({ line: firstLine + index, command: text.slice(2), expected: [] });
    else if (text.startsWith("> ") && last?.expected.length === 0) last.command += `\n${text.slice(2)}`;
    else if (text.trim() !== "") last?.expected.push(text);
  }
  return commands;
}

/** The first expected line that the output does not have behind those before it; undefined where all are there. */
export function missingLine(expected: readonly string[], output: string): string | undefined {
  const printed = output.split("\n").map(plain);
  let at = 0;
  for (const line of expected) {
    if (line.trim() === "…") continue;
    const pattern = new RegExp(plain(line).split(/ ?… ?/).map(escaped).join(".*"));
    const found = printed.findIndex((text, index) => index >= at && pattern.test(text));
    if (found < 0) return line;
    at = found + 1;
  }
  return undefined;
}

/** Columns are as wide as their widest value, so blanks do not count. */
const plain = (text: string): string => text.trim().replaceAll(/\s+/g, " ");
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
