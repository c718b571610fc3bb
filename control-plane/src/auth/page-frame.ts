// The frame of our own pages: plain HTML with its style and one script, each allowed by its hash and nothing besides.
import { createHash } from "node:crypto";

const style = `
:root {
  color-scheme: light dark;
  --surface: light-dark(oklch(0.985 0.003 250), oklch(0.18 0.014 258));
  --raised: light-dark(oklch(1 0 0), oklch(0.215 0.016 258));
  --line: light-dark(oklch(0.9 0.008 250), oklch(0.31 0.018 258));
  --line-strong: light-dark(oklch(0.62 0.02 250), oklch(0.58 0.02 258));
  --ink: light-dark(oklch(0.24 0.02 255), oklch(0.94 0.008 255));
  --ink-soft: light-dark(oklch(0.46 0.022 255), oklch(0.74 0.018 255));
  --accent: light-dark(oklch(0.48 0.15 262), oklch(0.77 0.115 258));
  --on-accent: light-dark(oklch(0.99 0 0), oklch(0.17 0.02 258));
  --bad: light-dark(oklch(0.48 0.175 27), oklch(0.76 0.135 25));
  --bad-soft: light-dark(oklch(0.965 0.018 27), oklch(0.255 0.042 25));
  font: 16px/1.5 "Inter Variable", system-ui, sans-serif;
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
body { display: grid; place-items: center; min-height: 100dvh; margin: 0; padding: 1rem; background: var(--surface); color: var(--ink); }
main { width: min(100%, 25rem); }
header { display: flex; align-items: center; gap: 0.6rem; margin: 0 0 1.25rem; font-weight: 600; }
header svg { width: 1.5rem; height: 1.5rem; color: var(--accent); flex: none; }
.card .card { padding: 0; border: 0; }
.card { display: grid; gap: 1rem; padding: 1.5rem; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--raised); }
h1 { margin: 0; font-size: 1.25rem; line-height: 1.3; letter-spacing: -0.01em; }
p { margin: 0; overflow-wrap: anywhere; }
form { display: grid; gap: 1rem; }
label { display: grid; gap: 0.3rem; font-size: 0.875rem; font-weight: 500; }
input { width: 100%; padding: 0.55rem 0.7rem; border: 1px solid var(--line-strong); border-radius: 0.5rem; background: var(--surface); color: inherit; font: inherit; font-size: 1rem; }
button, .button { display: block; width: 100%; padding: 0.6rem 1rem; border: 1px solid var(--line-strong); border-radius: 0.5rem; background: transparent; color: inherit; font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
.strong { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
button:disabled { opacity: 0.6; cursor: progress; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.or { display: flex; align-items: center; gap: 0.75rem; color: var(--ink-soft); font-size: 0.8125rem; }
.or::before, .or::after { content: ""; flex: 1; height: 1px; background: var(--line); }
.bad { padding: 0.6rem 0.8rem; border-radius: 0.5rem; background: var(--bad-soft); color: var(--bad); font-size: 0.875rem; }
.soft { color: var(--ink-soft); font-size: 0.875rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0.3rem 1rem; margin: 0; font-size: 0.875rem; }
dt { color: var(--ink-soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.code { font: 600 1.5rem/1.3 ui-monospace, monospace; letter-spacing: 0.08em; text-align: center; }
code { padding: 0.1em 0.35em; border-radius: 0.25em; background: color-mix(in oklch, currentColor 10%, transparent); font-size: 0.9em; }
footer { margin: 1rem 0.25rem 0; color: var(--ink-soft); font-size: 0.8125rem; }
`;

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
/** Text as it may stand in an element or a quoted attribute. */
export const html = (text: string): string => text.replaceAll(/[&<>"']/g, (letter) => escapes[letter] ?? "");

const mark =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" aria-hidden="true"><path d="M12 2v20M3.500 7.500l17 9M20.500 7.500l-17 9"/><circle cx="12" cy="12" r="4.500" fill="currentColor"/></svg>';

/** A whole page. `body` is HTML, made with `html()` where it carries text of others. */
export const framed = (page: {
  readonly title: string;
  readonly body: string;
  readonly footer: string;
  readonly script: string;
}): string =>
  `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${html(page.title)} · Capstan</title><style>${style}</style></head>
<body><main><header>${mark}<span>Capstan</span></header><div class="card">${page.body}</div><footer>${page.footer}</footer></main>
<script>${page.script}</script></body>
</html>
`;

/** The policy of a page with this script. Forms are sent by the script alone. */
export const policyOf = (script: string): string =>
  [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
