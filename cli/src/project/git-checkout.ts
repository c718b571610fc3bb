// A commit of a Git repository as a folder, by the machine's own git.
//  G1. Nothing of the repository runs: no hooks, no submodules, no filters that it names; a link becomes a text file, so that
//      no name in it leads out of the folder.
//  G2. git asks nobody: what needs a password has a credential helper or a key, and none stands in an address.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { AppError } from "@capstan/proto";

const timeoutMs = 120_000;
const saidMax = 64 * 1024;

export interface Commit {
  /** 40 or 64 hex digits. */
  readonly id: string;
}

/** @throws usage for an address that git should not be given */
export function checkRepository(repository: string): void {
  if (repository.startsWith("-") || repository === "")
    throw new AppError("usage", `${repository} is no address or folder of a Git repository`);
  const hasPassword = URL.canParse(repository) && new URL(repository).password !== "";
  if (hasPassword)
    throw new AppError("usage", "the address holds a password; use a credential helper of git or an SSH key instead");
}

/** @throws usage */
export function checkRef(ref: string): void {
  // git check-ref-format, but for a commit by its id, which is one too.
  if (!/^[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$/.test(ref) || /\.\.|\/\/|@\{|\.lock$|[./]$/.test(ref))
    throw new AppError("usage", `${ref} is no name of a branch, a tag or a commit`);
}

interface GitOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One git command; its standard output. @throws git_failed */
function git(args: readonly string[], { cwd, env }: GitOptions): Promise<string> {
  const settings = [
    "core.hooksPath=/dev/null",
    "core.symlinks=false",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
  ];
  const child = spawn("git", [...settings.flatMap((one) => ["-c", one]), ...args], {
    cwd,
    env: { ...env, GIT_TERMINAL_PROMPT: "0", GIT_ALLOW_PROTOCOL: "file:https:http:ssh", LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout = (stdout + text).slice(0, saidMax)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-saidMax)));
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new AppError("git_failed", `git cannot be started: ${cause.message}`, { cause })),
    );
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(stdout);
      const told = stderr.split("\n").find((line) => /^(?:fatal|error): /.test(line)) ?? stderr.trim();
      const why = signal === null ? told : `it took longer than ${timeoutMs / 1000} s`;
      reject(new AppError("git_failed", `git ${args[0] ?? ""}: ${why === "" ? `exit code ${code}` : why}`));
    });
  });
}

const isCommitId = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

/** Which commit a branch or tag is at now. @throws git_failed */
export async function findCommit(repository: string, ref: string, options: GitOptions): Promise<Commit> {
  if (isCommitId(ref)) return { id: ref };
  const said = await git(
    ["ls-remote", "--", repository, `refs/heads/${ref}`, `refs/tags/${ref}`, `refs/tags/${ref}^{}`],
    options,
  );
  const found = new Map(
    said.split("\n").map((line): [string, string] => [line.split("\t")[1] ?? "", line.split("\t")[0] ?? ""]),
  );
  // A tag with a text of its own points to the commit by `^{}`.
  const id = found.get(`refs/heads/${ref}`) ?? found.get(`refs/tags/${ref}^{}`) ?? found.get(`refs/tags/${ref}`);
  if (id === undefined || !isCommitId(id))
    throw new AppError("git_failed", `${repository} has no branch or tag ${ref}`);
  return { id };
}

/** Puts a commit into an empty folder; gives the first line of its message. @throws git_failed */
export async function checkOut(repository: string, commit: Commit, ref: string, options: GitOptions): Promise<string> {
  mkdirSync(options.cwd, { recursive: true });
  await git(["init", "--quiet", "."], options);
  try {
    await git(
      ["fetch", "--quiet", "--depth", "1", "--no-recurse-submodules", "--no-tags", "--", repository, commit.id],
      options,
    );
  } catch (error) {
    // Servers may refuse a commit by its id; the branch that it was found at is given by name.
    if (isCommitId(ref)) throw error;
    await git(
      ["fetch", "--quiet", "--depth", "1", "--no-recurse-submodules", "--no-tags", "--", repository, ref],
      options,
    );
  }
  await git(["checkout", "--quiet", "--detach", commit.id], options);
  return (await git(["log", "-1", "--format=%s"], options)).trim();
}
