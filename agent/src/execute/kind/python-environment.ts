// The interpreter of a `python` action: the host's, or that of an environment made for it (`environment`).
//  P1. An environment is named by what it is made from: interpreter, requirements with all they include, index, wheels.
//  P2. Installers see the host's PATH, HOME and LANG and nothing else: the owner's pip.conf counts, no secret can reach them.
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { AppError, type PythonAction, type PythonEnvironment } from "@capstan/proto";
import type { ExecutorContext } from "../executor.ts";
import { runBuild } from "./build-command.ts";
import type { HostVariables } from "./environment.ts";
import { obtainEnvironment } from "./environment-store.ts";
import { findProgram, findPython, type Python } from "./interpreter.ts";
import { hashRequirements, hashWheels } from "./requirements.ts";

export interface PythonProgram {
  readonly program: string;
  /** The environment's folder; undefined for the host's own Python. */
  readonly environment: string | undefined;
}

export interface PythonSettings {
  readonly host: HostVariables;
  /** A path that the owner set instead of `python3`. */
  readonly configured: string | undefined;
  /** How many environments are kept. */
  readonly environmentsKept: number;
}

const minorOf = (version: string): number => Number(version.split(".")[1]);

/** @throws interpreter_missing */
async function interpreterOf(wanted: string | undefined, settings: PythonSettings): Promise<Python> {
  const { PATH, HOME } = settings.host;
  const usual = await findPython(PATH, HOME, settings.configured);
  if (usual !== undefined && (wanted === undefined || minorOf(usual.version) >= minorOf(wanted))) return usual;
  const exact = wanted === undefined ? undefined : findProgram(`python${wanted}`, PATH);
  const other = exact === undefined ? undefined : await findPython(PATH, HOME, exact);
  if (other !== undefined) return other;
  throw new AppError(
    "interpreter_missing",
    wanted === undefined
      ? "this agent found no python3 from 3.9 on; install it and restart the agent"
      : `the task asks for Python ${wanted} or later; this agent has ${usual?.version ?? "none"}`,
  );
}

/** Where an environment's name is known without reading its files again, by bundle and wish. */
const names = new Map<string, string>();
const namesMax = 1000;

/**
 * The program that runs an action.
 * @throws interpreter_missing; setup_failed where the environment cannot be made, with the installer's last lines
 */
export async function pythonProgram(
  context: ExecutorContext,
  action: PythonAction,
  codeFolder: string | undefined,
  settings: PythonSettings,
): Promise<PythonProgram> {
  const wish = action.environment ?? {};
  const python = await interpreterOf(wish.version, settings);
  const kind = wish.kind ?? "system";
  if (kind === "system") return { program: python.path, environment: undefined };
  const uv = kind === "uv" ? findProgram("uv", settings.host.PATH) : undefined;
  if (kind === "uv" && uv === undefined)
    throw new AppError("interpreter_missing", "this agent has no uv; install it, or use kind: venv");
  const code = codeFolder ?? context.attemptDir;
  const name = nameOf(context, wish, python, code);
  const environment = await obtainEnvironment(
    {
      root: join(context.cacheDir, "python"),
      name,
      keep: settings.environmentsKept,
      build: {
        make: (folder, signal, note) => make({ folder, signal, note, wish, python, uv, code, host: settings.host }),
      },
    },
    context.signal,
    (line) => context.note(line),
  );
  return { program: join(environment, "bin", "python3"), environment };
}

function nameOf(context: ExecutorContext, wish: PythonEnvironment, python: Python, code: string): string {
  const asked = JSON.stringify([wish, python.path, python.version]);
  const isHost = wish.wheels?.startsWith("/") === true;
  const key = `${context.bundle?.sha256 ?? ""}\n${asked}`;
  const known = isHost ? undefined : names.get(key);
  if (known !== undefined) return known;
  const hash = createHash("sha256").update(JSON.stringify([wish.kind, wish.index, python.path, python.version]));
  if (wish.requirements !== undefined) {
    hashRequirements(hash, code, wish.requirements);
    // A lock file is read beside the project that it locks.
    if (basename(wish.requirements) === "uv.lock")
      hashRequirements(hash, code, join(dirname(wish.requirements), "pyproject.toml"));
  }
  if (wish.wheels !== undefined) hashWheels(hash, code, wish.wheels);
  const name = hash.digest("hex").slice(0, 40);
  if (names.size >= namesMax) names.clear();
  names.set(key, name);
  return name;
}

interface Making {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly note: (line: string) => void;
  readonly wish: PythonEnvironment;
  readonly python: Python;
  readonly uv: string | undefined;
  readonly code: string;
  readonly host: HostVariables;
}

async function make(making: Making): Promise<void> {
  const { folder, wish, python, uv, code } = making;
  const program = join(folder, "bin", "python3");
  const options: string[] = [];
  if (wish.index !== undefined) options.push("--index-url", wish.index);
  if (wish.wheels !== undefined)
    options.push("--no-index", "--find-links", wish.wheels.startsWith("/") ? wish.wheels : join(code, wish.wheels));
  if (uv === undefined) {
    await command(making, [python.path, "-m", "venv", folder]);
    if (wish.requirements !== undefined)
      await command(making, [
        program,
        "-m",
        "pip",
        "install",
        "--quiet",
        ...options,
        "-r",
        join(code, wish.requirements),
      ]);
    return;
  }
  const quiet = ["--quiet", "--no-python-downloads"];
  await command(making, [uv, "venv", ...quiet, "--no-project", "--python", python.path, folder]);
  if (wish.requirements === undefined) return;
  let file = join(code, wish.requirements);
  if (basename(file) === "uv.lock") {
    const exported = join(folder, "requirements.txt");
    const project = [
      "--project",
      dirname(file),
      "--frozen",
      "--no-dev",
      "--no-emit-project",
      "--output-file",
      exported,
    ];
    await command(making, [uv, "export", ...quiet, ...project]);
    file = exported;
  }
  await command(making, [uv, "pip", "install", ...quiet, "--python", program, ...options, "-r", file]);
}

async function command(making: Making, argv: readonly [string, ...string[]]): Promise<void> {
  const { host, code, signal, note } = making;
  const env = {
    ...host,
    PIP_NO_INPUT: "1",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    NO_COLOR: "1",
    PYTHONDONTWRITEBYTECODE: "",
  };
  const end = await runBuild({ argv, env, cwd: code }, signal, note);
  if (end.kind === "failed")
    throw new AppError("setup_failed", `the Python environment could not be made: ${end.tail}`);
}
