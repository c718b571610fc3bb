// Terminal colours of one log line as spans with classes. The text stays text: nothing here makes HTML.
import Anser from "anser";

export interface AnsiSpan {
  readonly text: string;
  /** Classes of globals.css; empty for plain text. */
  readonly className: string;
}

// Other escape sequences (cursor, titles, links) say nothing in a log: they are dropped.
// oxlint-disable-next-line no-control-regex
const otherEscapes = /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\[[0-9;?]*[A-LN-Za-ln-z]|[()][A-Z0-9]|[=>78cM])/g;
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]/g;

const named: Readonly<Record<string, string>> = {
  bold: "ansi-bold",
  dim: "ansi-dim",
  italic: "ansi-italic",
  underline: "ansi-underline",
  strikethrough: "ansi-strike",
};

/** A progress bar that redraws itself with `\r` keeps its last frame. */
export function lastFrame(text: string): string {
  if (!text.includes("\r")) return text;
  const frames = text.split("\r");
  return frames.findLast((frame) => frame !== "") ?? "";
}

/** The 256 colours fall to the nearest of the sixteen: those have enough contrast in both themes. */
export function paletteIndex(index: number): number {
  if (index < 16) return index;
  if (index >= 232) return index < 238 ? 8 : index < 246 ? 7 : 15;
  const value = index - 16;
  const red = Math.floor(value / 36) >= 3 ? 1 : 0;
  const green = Math.floor((value % 36) / 6) >= 3 ? 2 : 0;
  const blue = value % 6 >= 3 ? 4 : 0;
  return red + green + blue;
}

const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

function colourIndex(colour: string, truecolor: string | null): number | undefined {
  const rgb = /^(\d+),\s*(\d+),\s*(\d+)$/.exec(truecolor ?? "");
  if (rgb !== null && colour.includes("truecolor"))
    return (Number(rgb[1]) > 127 ? 1 : 0) + (Number(rgb[2]) > 127 ? 2 : 0) + (Number(rgb[3]) > 127 ? 4 : 0);
  const palette = /palette-(\d+)$/.exec(colour);
  if (palette !== null) return paletteIndex(Number(palette[1]));
  const match = /^ansi-(bright-)?(\w+?)(?:-fg|-bg)?$/.exec(colour);
  const index = names.indexOf(match?.[2] ?? "");
  return index < 0 ? undefined : index + (match?.[1] === undefined ? 0 : 8);
}

export function ansiSpans(line: string): readonly AnsiSpan[] {
  const text = lastFrame(line).replace(otherEscapes, "").replace(controls, "");
  if (!text.includes("\u001b")) return [{ text, className: "" }];
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map((entry) => {
    const classes: string[] = [];
    // The types of anser say string; without a colour it is null.
    const foreground = colourIndex((entry.fg as string | null) ?? "", entry.fg_truecolor as string | null);
    const background = colourIndex((entry.bg as string | null) ?? "", entry.bg_truecolor as string | null);
    // A line's own background could hide its text in one of the themes; it is shown as a frame in its colour.
    if (background !== undefined) classes.push("ansi-framed", `ansi-${background}`);
    else if (foreground !== undefined) classes.push(`ansi-${foreground}`);
    for (const decoration of entry.decorations) {
      const className = named[decoration];
      if (className !== undefined) classes.push(className);
    }
    return { text: entry.content, className: classes.join(" ") };
  });
}
