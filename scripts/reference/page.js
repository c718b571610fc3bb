// Small pieces of Markdown that the reference pages share.

/** The first lines of every generated page. */
export const heading = (title, lead) =>
  `# ${title}\n\n<!-- Made by \`npm run generate\` from the code. Edits by hand are lost. -->\n\n${lead}\n`;

/** Text for a table cell: no line break, no bar that would end the cell. */
export const cell = (text) => String(text).replaceAll("\n", " ").replaceAll("|", "\\|");

export const row = (...cells) => `| ${cells.map(cell).join(" | ")} |`;

export const table = (titles, rows) =>
  [row(...titles), `| ${titles.map(() => "---").join(" | ")} |`, ...rows.map((cells) => row(...cells))].join("\n") +
  "\n";

export const code = (text) => `\`${text}\``;
