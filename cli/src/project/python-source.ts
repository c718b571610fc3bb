// Python workflows: the file is run, and what it declares is written at its end.
import { join } from "node:path";
import type { Problem } from "@capstan/proto";
import { isDeepStrictEqual } from "node:util";
import {
  builtSchema,
  documentText,
  endedWithout,
  inTemporaryFolder,
  isOurs,
  readOutcome,
  refused,
  runProgram,
  sdkPython,
  shownPath,
  type BuiltSource,
  type Ended,
} from "./front-end.ts";

/** The innermost frame of a traceback that is the author's. */
function placeOfTraceback(errors: string): { readonly file: string; readonly line: number } | undefined {
  const frames = [...errors.matchAll(/^\s*File "([^"]+)", line (\d+)/gm)];
  const own = frames
    .filter(([, file = ""]) => file.startsWith("/") && !isOurs(file) && !/\/lib\/python3/.test(file))
    .at(-1);
  return own === undefined ? undefined : { file: own[1] ?? "", line: Number(own[2]) };
}

function problemOf(ended: Ended, path: string, cwd: string): Problem {
  const place = placeOfTraceback(ended.errors);
  const last = ended.errors.trim().split("\n").at(-1) ?? "";
  const detail =
    ended.status === 0 || ended.isLate || place === undefined
      ? endedWithout(ended, shownPath(path, cwd))
      : last.replace(/^(?:[\w.]+\.)?BuildError: /, "");
  return {
    code: "build_failed",
    severity: "error",
    detail,
    file: shownPath(place?.file ?? path, cwd),
    ...(place === undefined ? {} : { line: place.line, column: 1 }),
  };
}

const isMissing = (ended: Ended): boolean => ended.status === null && /ENOENT/.test(ended.errors);

/** Builds a Python workflow. It runs twice, with different orders of hashes; a difference is refused. */
export async function buildPython(path: string, root: string, cwd: string): Promise<BuiltSource> {
  return inTemporaryFolder(async (folder) => {
    const once = async (seed: string): Promise<{ readonly ended: Ended; readonly built: unknown }> => {
      const target = join(folder, `${seed}.json`);
      const ended = await runProgram("python3", [path], {
        cwd: root,
        env: {
          CAPSTAN_BUILD: target,
          PYTHONHASHSEED: seed,
          PYTHONPATH: sdkPython(),
          PYTHONDONTWRITEBYTECODE: "1",
          PYTHONIOENCODING: "utf-8",
        },
      });
      return { ended, built: ended.status === 0 ? readOutcome(target) : undefined };
    };
    const [first, second] = await Promise.all([once("1"), once("2")]);
    if (isMissing(first.ended)) {
      const detail = "there is no python3 on this machine, which a workflow in Python needs";
      return refused([{ code: "build_failed", severity: "error", detail, file: shownPath(path, cwd) }]);
    }
    const built = builtSchema.safeParse(first.built);
    if (!built.success) return refused([problemOf(first.ended, path, cwd)]);
    if (!isDeepStrictEqual(first.built, second.built)) {
      const detail =
        "run twice, it does not give the same; a workflow cannot depend on time, chance or the order of a set";
      return refused([
        { code: "build_not_pure", severity: "error", detail, file: shownPath(path, cwd), line: 1, column: 1 },
      ]);
    }
    return { text: documentText(built.data.document), places: built.data.places, problems: [], bundled: [] };
  });
}
