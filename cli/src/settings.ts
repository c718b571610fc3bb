// What the command line remembers of a person: profiles in config.toml, sign-ins in credentials.json beside it.
//  G1. The sign-ins are in a file of their own that nobody else may read, so that profiles can be shared.
//  G2. A file is replaced whole; whoever reads it meanwhile reads the old one.
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "@capstan/proto";
import { parse, stringify } from "smol-toml";
import { z } from "zod";
import { didYouMean } from "./suggestion.ts";

const profileSchema = z.strictObject({
  server: z.string(),
  project: z.string().optional(),
});
/** `config.toml` of the command line. */
export const settingsSchema = z.strictObject({
  /** Name of the profile that is used where nothing else says which server. */
  current: z.string().optional(),
  profiles: z.record(z.string(), profileSchema).default({}),
});
export type Settings = z.infer<typeof settingsSchema>;
export interface Profile extends z.infer<typeof profileSchema> {
  readonly name: string;
}

const credentialSchema = z.object({ token: z.string(), user: z.string(), expiresAt: z.string().nullable() });
/** A sign-in that was kept. */
export type Credential = z.infer<typeof credentialSchema>;
const credentialsSchema = z.record(z.string(), credentialSchema);

const profileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new AppError("file_unreadable", `${file} cannot be read`, { cause: error });
  }
}

/** Parses a file of ours. @throws file_unreadable */
function readAs<T>(schema: z.ZodType<T>, file: string, read: (text: string) => unknown): T {
  const text = readText(file);
  if (text === undefined) return schema.parse({});
  let value: unknown;
  try {
    value = read(text);
  } catch (error) {
    throw new AppError("file_unreadable", `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError("file_unreadable", `${file}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

function replaceFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(next, text, { mode: 0o600, flag: "wx" });
    chmodSync(next, 0o600);
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw new AppError("file_unreadable", `${file} cannot be written`, { cause: error });
  }
}

/** Profiles, or none where there is no file. @throws file_unreadable */
export const readSettings = (configFile: string): Settings => readAs(settingsSchema, configFile, parse);

export const writeSettings = (configFile: string, settings: Settings): void =>
  replaceFile(configFile, `# Profiles of the Capstan command line: capstan profile --help\n\n${stringify(settings)}\n`);

/** @throws usage with the nearest name */
export function findProfile(settings: Settings, name: string): Profile {
  const found = Object.hasOwn(settings.profiles, name) ? settings.profiles[name] : undefined;
  if (found !== undefined) return { ...found, name };
  throw new AppError(
    "usage",
    `there is no profile ${name}.${didYouMean(name, Object.keys(settings.profiles))} \`capstan login URL\` makes one.`,
  );
}

/** @throws usage for a name that a profile cannot have */
export function checkProfileName(name: string): void {
  if (!profileName.test(name))
    throw new AppError("usage", `${name} is no name of a profile: letters, digits and . _ -, at most 64`);
}

const credentialsFile = (configFile: string): string => join(dirname(configFile), "credentials.json");
const readCredentials = (configFile: string): Readonly<Record<string, Credential>> =>
  readAs(credentialsSchema, credentialsFile(configFile), JSON.parse);

/** The sign-in that was kept for an origin. */
export function readCredential(configFile: string, origin: string): Credential | undefined {
  const all = readCredentials(configFile);
  return Object.hasOwn(all, origin) ? all[origin] : undefined;
}

/** Keeps a sign-in, or with `undefined` forgets it. */
export function writeCredential(configFile: string, origin: string, credential: Credential | undefined): void {
  const { [origin]: _, ...others } = readCredentials(configFile);
  const all = credential === undefined ? others : { ...others, [origin]: credential };
  replaceFile(credentialsFile(configFile), `${JSON.stringify(all, null, 2)}\n`);
}
