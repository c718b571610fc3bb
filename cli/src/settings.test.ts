import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readEnvironment, type Environment } from "./config.ts";
import { findToken, resolveTarget } from "./connection.ts";
import { findProfile, readCredential, readSettings, writeCredential, writeSettings } from "./settings.ts";

let folder: string;
let configFile: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "capstan-settings-"));
  configFile = join(folder, "config", "config.toml");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const environment = (more: Record<string, string> = {}): Environment =>
  readEnvironment({ CAPSTAN_CONFIG: configFile, ...more });
const a = "https://a.example";
const b = "https://b.example";
const twoProfiles = (): void =>
  writeSettings(configFile, {
    current: "a",
    profiles: { a: { server: a, project: "lake" }, b: { server: b } },
  });

test("the first of flag, environment, folder and current profile decides which server it is", () => {
  twoProfiles();
  const at = (options: object, more: Record<string, string> = {}) => {
    const { server, project, profile } = resolveTarget(options, environment(more), folder);
    return [server.value, server.from, project.value, profile];
  };
  expect(at({})).toEqual([a, "current profile", "lake", "a"]);
  expect(at({}, { CAPSTAN_PROFILE: "b" })).toEqual([b, "CAPSTAN_PROFILE", "default", "b"]);
  expect(at({}, { CAPSTAN_SERVER: "https://c.example", CAPSTAN_PROFILE: "b" })[0]).toBe("https://c.example");
  expect(at({ profile: "b" }, { CAPSTAN_SERVER: "https://c.example" })).toEqual([b, "--profile", "default", "b"]);
  expect(at({ server: "https://d.example/path", profile: "b" })).toEqual([
    "https://d.example",
    "--server",
    "default",
    undefined,
  ]);
  expect(at({ project: "p" }, { CAPSTAN_PROJECT: "q" })[2]).toBe("p");
  expect(at({}, { CAPSTAN_PROJECT: "q" })[2]).toBe("q");
});

test("a folder whose dev has stopped is an error and never a command on the current profile's server", () => {
  twoProfiles();
  mkdirSync(join(folder, ".capstan"));
  writeFileSync(join(folder, ".capstan", "lock"), "{}");
  expect(() => resolveTarget({}, environment(), folder)).toThrow("no capstan dev is running on");
});

test("a sign-in is shown to the server that it was given for, and to no other", () => {
  twoProfiles();
  writeCredential(configFile, a, { token: "secret", user: "ana", expiresAt: null });
  const token = (options: object) =>
    findToken(resolveTarget(options, environment(), folder), options, environment())?.token;
  expect(token({})).toBe("secret");
  expect(token({ profile: "b" })).toBeUndefined();
  expect(token({ server: "https://a.example:8443" })).toBeUndefined();
  expect(token({ server: "http://a.example" })).toBeUndefined();
  writeCredential(configFile, a, undefined);
  expect(readCredential(configFile, a)).toBeUndefined();
});

test("sign-ins are for their owner's eyes, also where the file was open to others", () => {
  const file = join(folder, "config", "credentials.json");
  mkdirSync(join(folder, "config"));
  writeFileSync(file, "{}");
  chmodSync(file, 0o644);
  writeCredential(configFile, a, { token: "secret", user: "ana", expiresAt: null });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).toContain("secret");
});

test("a file that is not what it should be is named, and is left as it is", () => {
  mkdirSync(join(folder, "config"));
  for (const text of ["current = [", "curent = 'a'", "[profiles.a]\nserver = 1"]) {
    writeFileSync(configFile, text);
    expect(() => readSettings(configFile)).toThrow(configFile);
    expect(readFileSync(configFile, "utf8")).toBe(text);
  }
});

test("names that are no profile are told, with the nearest, and those of objects are none", () => {
  twoProfiles();
  const settings = readSettings(configFile);
  expect(() => findProfile(settings, "constructor")).toThrow("there is no profile constructor");
  expect(() => findProfile({ profiles: { prod: { server: a } } }, "prd")).toThrow("Did you mean prod?");
});
