import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { encodeBundle, type CanonicalTask, type PythonAction } from "@capstan/proto";
import { createExecutors, findPython } from "./index.ts";
import { pythonBootstrap } from "./python.ts";
import { settingsFrom } from "./config.ts";
import { openBench, runPrepared, type BenchOptions, type Ran } from "./testing.ts";

const jobs = `
import csv, dataclasses, datetime, enum, sqlite3
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional, TypedDict
from capstan import progress, Retry, Skip

class Colour(enum.Enum):
    RED = "red"

@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5

class Row(TypedDict):
    name: str

def load_csv(source: Path, db: str, table: str = "daily") -> Dict[str, int]:
    """Loads a CSV."""
    with open(source, newline="") as f, sqlite3.connect(db) as con:
        rows = list(csv.reader(f))
        con.execute(f"create table {table} (a, b)")
        con.executemany(f"insert into {table} values (?, ?)", rows[1:])
    progress(len(rows) - 1)
    return {"rows": len(rows) - 1}

def types(day: datetime.date, at: datetime.datetime, wait: datetime.timedelta, colour: Colour, point: Point, row: Row,
          names: List[str], mode: Literal["a", "b"], limit: Optional[int] = None, secret: str = "", more: Any = None):
    return {"day": day.year, "at": at.tzinfo is not None, "wait": wait.total_seconds(), "colour": colour.name,
            "sum": point.x + point.y, "row": row["name"], "names": len(names), "limit": limit, "secret": len(secret)}

def broken():
    inner()

def inner():
    raise ValueError("no such table: daily")

def later(): raise Retry("not yet", after=2.5)
def never(): raise Skip("nothing to do")
def frame(): return object()
def report():
    p = Path("report.txt"); p.write_text("done"); return p
def stars(*args: int): return None
`;

const bench = openBench();
afterAll(() => bench.end());
const executor = createExecutors(
  settingsFrom({ PATH: process.env["PATH"], HOME: process.env["HOME"], CAPSTAN_SECRET_T: "hush" }),
)["python"];
const python = await findPython(process.env["PATH"] ?? "", process.env["HOME"] ?? "/");

const packed = gzipSync(
  encodeBundle([
    { path: "jobs/__init__.py", executable: false, content: Buffer.from("") },
    { path: "jobs/load.py", executable: false, content: Buffer.from(jobs) },
    {
      path: "jobs/script.py",
      executable: false,
      content: Buffer.from("import jobs.load\nprint('script', __name__)\n"),
    },
  ]),
);
const bundle = { path: join(bench.folder, "bundle"), sha256: createHash("sha256").update(packed).digest("hex") };
writeFileSync(bundle.path, packed);

async function run(
  python: PythonAction,
  task: Omit<CanonicalTask, "needs" | "action"> = {},
  more: BenchOptions = {},
): Promise<Ran> {
  if (executor === undefined) throw new Error("no executor");
  return await runPrepared(await executor.prepare(bench.context({ ...task, action: { python } }, { bundle, ...more })));
}

test.skipIf(python === undefined)("a function loads a real CSV into SQLite and its result is the outputs", async () => {
  const csv = "a,b\n1,2\n3,4\n";
  const sha256 = createHash("sha256").update(csv).digest("hex");
  mkdirSync(join(bench.folder, "store"), { recursive: true });
  writeFileSync(join(bench.folder, "store", sha256), csv);
  const db = join(bench.folder, "daily.db");
  const { finished } = await run(
    { call: "jobs.load:load_csv" },
    { with: { source: { $expr: "inputs.source" }, db }, outputs: { rows: { type: "integer" } } },
    {
      inputs: { inputs: { source: { $file: { name: "daily.csv", size: csv.length, sha256, mediaType: "text/csv" } } } },
    },
  );
  expect(finished).toMatchObject({ outcome: "succeeded", outputs: { rows: 2 } });
});

test.skipIf(python === undefined)(
  "annotations convert dates, enums, dataclasses, typed dicts and secrets",
  async () => {
    const { finished, output } = await run(
      { call: "jobs.load:types" },
      {
        with: {
          day: "2026-11-23",
          at: "2026-11-23T10:00:00Z",
          wait: "1m30s",
          colour: "red",
          point: { x: 2 },
          row: { name: "n" },
          names: ["a", "b"],
          mode: "a",
          secret: { $expr: "secrets.T" },
        },
        outputs: {
          day: { type: "integer" },
          at: { type: "boolean" },
          wait: { type: "number" },
          colour: { type: "string" },
          sum: { type: "number" },
          row: { type: "string" },
          names: { type: "integer" },
          limit: { type: "integer", nullable: true },
          secret: { type: "integer" },
        },
      },
      { secrets: { T: "env:CAPSTAN_SECRET_T" } },
    );
    expect(output).toBe("");
    expect(finished.outputs).toEqual({
      day: 2026,
      at: true,
      wait: 90,
      colour: "RED",
      sum: 2.5,
      row: "n",
      names: 2,
      limit: null,
      secret: 4,
    });
  },
);

test.skipIf(python === undefined)(
  "an exception is told with its type, message, and the file and line within the bundle",
  async () => {
    const { finished, output } = await run({ call: "jobs.load:broken" });
    const line = jobs.split("\n").findIndex((text) => text.includes("raise ValueError")) + 1;
    expect(finished.failure).toEqual({
      class: "error",
      code: "exception",
      message: "no such table: daily",
      type: "ValueError",
      exitCode: 1,
      file: "jobs/load.py",
      line,
    });
    expect(output).toContain("Traceback (most recent call last)");
    expect(output).not.toContain("bootstrap.py");
  },
);

test.skipIf(python === undefined)("an input of the wrong type is no reason for another try", async () => {
  const { finished } = await run({ call: "jobs.load:load_csv" }, { with: { source: 3, db: "x" } });
  expect(finished).toMatchObject({
    outcome: "failed",
    retryable: false,
    failure: { type: "InvalidInput", message: "source: int is no Path" },
  });
});

test.skipIf(python === undefined)("Retry is exit 75 with its wait, Skip is exit 77", async () => {
  expect((await run({ call: "jobs.load:later" })).finished).toMatchObject({
    outcome: "failed",
    exitCode: 75,
    retryable: true,
    retryAfterMs: 2500,
  });
  expect((await run({ call: "jobs.load:never" })).finished).toMatchObject({ outcome: "succeeded", skip: true });
});

test.skipIf(python === undefined)("a result that is not JSON says what to do", async () => {
  const { finished } = await run({ call: "jobs.load:frame" }, { outputs: { x: { type: "string" } } });
  expect(finished.failure?.message).toBe("the result.x: object is not JSON; write a file and return its Path");
});

test.skipIf(python === undefined)("a Path in the work folder becomes the one declared file", async () => {
  const { finished } = await run({ call: "jobs.load:report" }, { outputs: { report: { type: "file" } } });
  expect(finished.outputs).toMatchObject({
    report: { $file: { name: "report.txt", size: 4, mediaType: "text/plain" } },
  });
});

test.skipIf(python === undefined)(
  "inline text and files of the bundle run as __main__, and an error in text has its line",
  async () => {
    expect((await run({ file: "jobs/script.py" })).output).toBe("script __main__\n");
    const { finished } = await run({ inline: "x = 1\nraise KeyError('gone')\n" });
    expect(finished.failure).toMatchObject({ type: "KeyError", file: "<inline>", line: 2 });
  },
);

test.skipIf(python === undefined)(
  "a function main in inline text gets the inputs and returns the outputs",
  async () => {
    const inline = "def main(text: str = 'abc') -> dict:\n    return {'characters': len(text)}\n";
    const outputs = { characters: { type: "integer" } } as const;
    expect((await run({ inline }, { outputs })).finished).toMatchObject({
      outcome: "succeeded",
      outputs: { characters: 3 },
    });
  },
);

test.skipIf(python === undefined)(
  "describe gives the schema of a signature with its docstring, and names what has none",
  () => {
    const code = join(bench.folder, "described");
    mkdirSync(join(code, "jobs"), { recursive: true });
    writeFileSync(join(code, "jobs", "load.py"), jobs);
    const describe = (target: string) =>
      spawnSync(python?.path ?? "", [pythonBootstrap, "describe", target], {
        env: { PATH: "/usr/bin", CAPSTAN_CODE_DIR: code, PYTHONDONTWRITEBYTECODE: "1" },
        encoding: "utf8",
      });
    expect(JSON.parse(describe("jobs.load:load_csv").stdout)).toEqual({
      call: "jobs.load:load_csv",
      doc: "Loads a CSV.",
      inputs: {
        type: "object",
        properties: { source: { type: "file" }, db: { type: "string" }, table: { type: "string", default: "daily" } },
        required: ["source", "db"],
        additionalProperties: false,
      },
      outputs: { type: "object", additionalProperties: { type: "integer" } },
    });
    const described = JSON.parse(describe("jobs.load:types").stdout) as {
      inputs: { properties: Record<string, unknown> };
    };
    expect(described.inputs.properties).toMatchObject({
      day: { type: "string", format: "date" },
      colour: { enum: ["red"] },
      limit: { type: "integer", nullable: true },
      point: { type: "object", properties: { x: { type: "integer" }, y: { type: "number" } }, required: ["x"] },
      names: { type: "array", items: { type: "string" } },
      mode: { enum: ["a", "b"] },
    });
    const refused = describe("jobs.load:stars");
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("args");
  },
);

test("a host without python3 is told so, and the task is not spent", async () => {
  const none = createExecutors(settingsFrom({ PATH: "/nowhere", HOME: "/" }))["python"];
  expect(await none?.prepare(bench.context({ action: { python: { inline: "pass" } } }))).toMatchObject({
    kind: "failed",
    retryable: true,
    failure: { class: "setup", code: "interpreter_missing" },
  });
});
