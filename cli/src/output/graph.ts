// The graph of a workflow as text: for a terminal, for documents (Mermaid), for Graphviz, for programs.

export interface GraphTask {
  readonly task: string;
  readonly title: string | null;
  readonly action: string;
  readonly needs: readonly string[];
}

export const graphFormats = ["ascii", "mermaid", "dot", "json"] as const;
export type GraphFormat = (typeof graphFormats)[number];

/** Ids are letters, digits and `_`; titles are free text. */
const quoted = (text: string): string => JSON.stringify(text.replaceAll(/[\r\n]+/g, " "));

export function mermaidGraph(tasks: readonly GraphTask[]): string {
  // `end` and the like are words of Mermaid, so nodes have ids of their own.
  const ids = new Map(tasks.map(({ task }, index) => [task, `t${index}`]));
  const nodes = tasks.map(({ task, title }) => `  ${ids.get(task) ?? ""}["${mermaidText(title ?? task)}"]`);
  const edges = tasks.flatMap(({ task, needs }) =>
    needs.map((need) => `  ${ids.get(need) ?? ""} --> ${ids.get(task) ?? ""}`),
  );
  return ["flowchart TD", ...nodes, ...edges, ""].join("\n");
}

/** Entities of Mermaid for what would end the text or be taken for markup. */
const mermaidText = (text: string): string =>
  text.replaceAll(/[\r\n]+/g, " ").replaceAll(/[#"<>&]/g, (letter) => `#${letter.codePointAt(0) ?? 0};`);

export function dotGraph(name: string, tasks: readonly GraphTask[]): string {
  const nodes = tasks.map(
    ({ task, title }) => `  ${quoted(task)}${title === null ? "" : ` [label=${quoted(title)}]`};`,
  );
  const edges = tasks.flatMap(({ task, needs }) => needs.map((need) => `  ${quoted(need)} -> ${quoted(task)};`));
  return [`digraph ${quoted(name)} {`, "  rankdir=TB;", ...nodes, ...edges, "}", ""].join("\n");
}

/** Tasks by how far they are from the beginning: a level is what may run side by side. */
export function levelsOf(tasks: readonly GraphTask[]): readonly (readonly GraphTask[])[] {
  const depth = new Map<string, number>();
  let open = tasks;
  for (let level = 0; open.length > 0; level++) {
    const ready = open.filter(({ needs }) => needs.every((need) => depth.has(need)));
    if (ready.length === 0) break; // a deployed workflow has no cycle
    for (const { task } of ready) depth.set(task, level);
    open = open.filter((task) => !ready.includes(task));
  }
  const levels: GraphTask[][] = [];
  for (const task of tasks) (levels[depth.get(task.task) ?? 0] ??= []).push(task);
  return levels;
}

/** A line for each task, by level, with what it needs behind it. */
export function asciiGraph(tasks: readonly GraphTask[], isAscii: boolean): string {
  const [mark, arrow] = isAscii ? ["*", "<-"] : ["○", "←"];
  const width = Math.max(0, ...tasks.map(({ task }) => task.length));
  const lines = levelsOf(tasks).flatMap((level, depth) =>
    level.map(({ task, action, needs }) => {
      const behind = needs.length === 0 ? "" : `  ${arrow} ${needs.join(", ")}`;
      return `${"  ".repeat(depth)}${mark} ${task.padEnd(width)}  ${action}${behind}`.trimEnd();
    }),
  );
  return `${lines.join("\n")}\n`;
}
