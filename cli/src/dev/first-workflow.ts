import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** True where a program of that name lies on a PATH. */
export const isOnPath = (name: string, path: string): boolean =>
  path.split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, name)));

const measureInPython = `    python:
      inline: |
        def main(text: str) -> dict:
            print(f"that is {len(text)} characters")
            return {"characters": len(text)}
    with: { text: "\${{ tasks.greet.outputs.text }}" }`;

const measureInShell = `    run: |
      echo "that is \${#TEXT} characters"
      echo "characters=\${#TEXT}" >> "$CAPSTAN_OUTPUTS"
    env: { TEXT: "\${{ tasks.greet.outputs.text }}" }`;

/** The workflow that a new folder begins with: two tasks, a value between them, the second in Python where there is some. */
export const helloWorkflow = (
  hasPython: boolean,
  name = "hello",
): string => `# yaml-language-server: $schema=../.capstan/schema/workflow-v1.json
# Two tasks. The value travels by outputs, and the reference to it is what puts the second after the first.
version: 1
name: ${name}
title: Say hello, and measure it
inputs:
  name: { type: string, default: world, maxLength: 60 }
tasks:
  greet:
    run: |
      echo "hello, $NAME"
      echo "text=hello, $NAME" >> "$CAPSTAN_OUTPUTS"
    env: { NAME: "\${{ inputs.name }}" }
    outputs: { text: string }
  measure:
${hasPython ? measureInPython : measureInShell}
    outputs: { characters: integer }
outputs:
  characters: "\${{ tasks.measure.outputs.characters }}"
`;

/** Writes `hello.yaml` into a folder of workflows. An existing file is left alone: false. */
export function writeHello(folder: string, hasPython: boolean): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, "hello.yaml"), helloWorkflow(hasPython), { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
