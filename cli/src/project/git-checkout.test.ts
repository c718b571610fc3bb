// With the machine's own git, on repositories made here.
import { execFileSync } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkOut, checkRef, checkRepository, findCommit } from "./git-checkout.ts";

const folder = mkdtempSync(join(tmpdir(), "capstan-git-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const env = { PATH: process.env["PATH"] ?? "", HOME: folder };
const repository = join(folder, "flows");
const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", ...args], {
    cwd: repository,
    env,
    encoding: "utf8",
  }).trim();

execFileSync("git", ["init", "-q", "-b", "main", repository], { env });
writeFileSync(join(repository, "a.yaml"), "one\n");
symlinkSync("/etc/hostname", join(repository, "leads-out.yaml"));
git("add", "-A");
git("commit", "-qm", "first line\n\nmore");
const first = git("rev-parse", "HEAD");
git("tag", "-a", "v1", "-m", "a tag with a text");
writeFileSync(join(repository, "a.yaml"), "two\n");
git("commit", "-qam", "second");
const second = git("rev-parse", "HEAD");

const at = async (ref: string): Promise<string> => (await findCommit(repository, ref, { cwd: folder, env })).id;

test("a branch, a tag with a text and a commit are found", async () => {
  expect([await at("main"), await at("v1"), await at(first)]).toEqual([second, first, first]);
  await expect(at("nothing")).rejects.toThrow("has no branch or tag nothing");
});

test("a commit becomes a folder in which no name leads out", async () => {
  const copy = join(folder, "copy");
  expect(await checkOut(repository, { id: first }, "v1", { cwd: copy, env })).toBe("first line");
  expect(readFileSync(join(copy, "a.yaml"), "utf8")).toBe("one\n");
  expect(lstatSync(join(copy, "leads-out.yaml")).isFile()).toBe(true);
});

test("what is no repository is told in git's own words, and nothing asks", async () => {
  await expect(findCommit(join(folder, "none"), "main", { cwd: folder, env })).rejects.toMatchObject({
    code: "git_failed",
  });
  await expect(
    findCommit(`ext::sh -c touch% ${join(folder, "ran")}`, "main", { cwd: folder, env }),
  ).rejects.toMatchObject({ code: "git_failed" });
  expect(existsSync(join(folder, "ran"))).toBe(false);
});

test("addresses and names that git would take for something else are refused", () => {
  for (const bad of ["", "--upload-pack=touch x", "https://ana:secret@git.example.org/x.git"])
    expect(() => checkRepository(bad), bad).toThrow();
  for (const good of ["../flows", "git@git.example.org:a/b.git", "https://git.example.org/x.git", "ssh://git@h/x"])
    expect(() => checkRepository(good), good).not.toThrow();
  for (const bad of ["-f", "a..b", "a b", "a@{1}", "", "x.lock", "a:b"]) expect(() => checkRef(bad), bad).toThrow();
  for (const good of ["main", "release/1.2", "v1", first]) expect(() => checkRef(good), good).not.toThrow();
});
