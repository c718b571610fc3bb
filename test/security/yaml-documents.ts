// Random documents of the signs that YAML gives a meaning to, around the keys of a workflow.

const pieces = [
  ...["version: 1\n", "name: x\n", "tasks:\n", "  a:\n", "    run: echo\n", "inputs: { n: integer }\n", "triggers:\n"],
  ...[
    "  - id: t\n",
    "- ",
    "? ",
    ": ",
    "&a ",
    "*a ",
    "*b",
    "!!str ",
    "!!map ",
    "!!binary ",
    "!<tag:x> ",
    "!js/function ",
    "<<: *a\n",
  ],
  ...[
    "__proto__: ",
    "constructor: ",
    "prototype: ",
    "toString: ",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "'",
    "|\n",
    ">-\n",
    "|2\n",
  ],
  ...[
    "#",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "%TAG ! tag:x,2026:\n",
    "\t",
    "\n",
    "  ",
    "    ",
    "\r",
    "\0",
    "\uFEFF",
    "\u2028",
    "\uD800",
  ],
  ...[
    "~",
    "null",
    "yes",
    "0x1F",
    "0o17",
    "1e999",
    ".nan",
    "-.inf",
    "2026-01-01",
    "12:30:45",
    "${{ ",
    "inputs.n",
    " }}",
    "\\x41",
    "\\u0000",
  ],
  ...[
    "run: |\n  $(reboot)\n",
    "needs: [a, a]\n",
    "forEach: ${{ [1] }}\n",
    "matrix: { os: [a] }\n",
    "retry: { attempts: 99 }\n",
  ],
];

/** Documents of a seed; the same for the same seed. */
export function* yamlDocuments(seed: number, count: number): Generator<string> {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let i = 0; i < count; i++) {
    let text = next(3) === 0 ? "version: 1\nname: x\ntasks:\n  a:\n    run: echo\n" : "";
    for (let left = 1 + next(14); left > 0; left--) {
      const piece = pieces[next(pieces.length)] ?? "";
      const at = next(4) === 0 ? next(text.length + 1) : text.length;
      text = text.slice(0, at) + piece + text.slice(at);
    }
    yield text;
  }
}
