import { AppError } from "@capstan/proto";
import type { Command } from "commander";
import { findToken, originOf } from "../connection.ts";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";
import {
  checkProfileName,
  findProfile,
  readCredential,
  readSettings,
  writeSettings,
  type Settings,
} from "../settings.ts";
import { didYouMean } from "../suggestion.ts";

interface ProfileRow {
  readonly name: string;
  readonly server: string;
  readonly project: string;
  readonly user: string | null;
  readonly isCurrent: boolean;
}

const columns: readonly Column<ProfileRow>[] = [
  { title: "PROFILE", key: "name", value: (row) => row.name },
  { title: "SERVER", key: "server", value: (row) => row.server },
  { title: "PROJECT", key: "project", value: (row) => row.project },
  { title: "SIGNED IN AS", key: "user", value: (row) => row.user ?? "" },
  { title: "IN USE", key: "isCurrent", value: (row) => (row.isCurrent ? "yes" : "") },
];

/** `capstan profile`: servers that this command line knows, by name. */
export function registerProfile(program: Command, context: (command: Command) => Context): void {
  const profile = program.command("profile").summary("servers that this command line knows, by name");
  profile
    .command("list")
    .summary("all of them, and which one is in use")
    .action((_: unknown, command: Command) => {
      const ctx = context(command);
      const { configFile } = ctx.environment;
      const settings = readSettings(configFile);
      const rows = Object.entries(settings.profiles).map(([name, { server, project }]): ProfileRow => ({
        name,
        server,
        project: project ?? "default",
        user: readCredential(configFile, server)?.user ?? null,
        isCurrent: name === settings.current,
      }));
      ctx.out.list(rows, columns, (row) => row.name, { data: rows, nextCursor: null });
    });
  profile
    .command("use")
    .summary("take one into use, where neither a flag, the environment nor the folder says which server")
    .argument("<profile>", "its name")
    .action((name: string, _: unknown, command: Command) => {
      const ctx = context(command);
      change(ctx, (settings) => ({ ...settings, current: findProfile(settings, name).name }));
      ctx.out.talk(`${name} is in use`);
    });
  profile
    .command("set")
    .summary("make one, or change its --server or --project")
    .argument("<profile>", "its name")
    .addHelpText(
      "before",
      "Examples:\n  capstan profile set prod --server https://capstan.example.org --project lake\n",
    )
    .action((name: string, _: unknown, command: Command) => {
      const ctx = context(command);
      checkProfileName(name);
      const { server, project } = ctx.options;
      change(ctx, (settings) => {
        const before = Object.hasOwn(settings.profiles, name) ? settings.profiles[name] : undefined;
        const origin = server === undefined ? before?.server : originOf(server, "--server");
        if (origin === undefined) throw new AppError("usage", `the new profile ${name} needs a --server`);
        const next = { ...before, server: origin, ...(project === undefined ? {} : { project }) };
        return { ...settings, profiles: { ...settings.profiles, [name]: next } };
      });
      ctx.out.talk(`profile ${name} is kept`);
    });
  const config = program.command("config").summary("what this command line is set to");
  config
    .command("show")
    .summary("server, project and sign-in; with --origin where each comes from")
    .option("--origin", "say where each value comes from")
    .action((flags: { readonly origin?: boolean }, command: Command) => {
      const ctx = context(command);
      showConfig(ctx, flags.origin === true);
    });
  config
    .command("set")
    .summary("change the profile in use: project or server")
    .argument("<key>", "project or server")
    .argument("<value>", "its new value")
    .action((key: string, value: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const keys = ["project", "server"];
      if (!keys.includes(key))
        throw new AppError("usage", `${key} is none of ${keys.join(", ")}.${didYouMean(key, keys)}`);
      changeProfile(ctx, key === "server" ? { server: originOf(value, "server") } : { project: value });
      ctx.out.talk(`${key} is ${value}`);
    });
  config
    .command("path")
    .summary("the file that profiles are kept in")
    .action((_: unknown, command: Command) => {
      const ctx = context(command);
      const { configFile } = ctx.environment;
      ctx.out.one({ path: configFile }, configFile, () => `${configFile}\n`);
    });
}

/** Changes the profile in use. @throws usage where none is */
export function changeProfile(ctx: Context, to: { readonly server?: string; readonly project?: string }): void {
  change(ctx, (settings) => {
    const name = ctx.options.profile ?? ctx.environment.profile ?? settings.current;
    if (name === undefined)
      throw new AppError("usage", "no profile is in use: `capstan login URL` makes one, or say --project each time");
    const { name: _name, ...before } = findProfile(settings, name);
    return { ...settings, profiles: { ...settings.profiles, [name]: { ...before, ...to } } };
  });
}

function change(ctx: Context, next: (settings: Settings) => Settings): void {
  const { configFile } = ctx.environment;
  writeSettings(configFile, next(readSettings(configFile)));
}

interface ConfigRow {
  readonly key: string;
  readonly value: string;
  readonly from: string;
}

function showConfig(ctx: Context, isOriginWanted: boolean): void {
  const target = ctx.target();
  const token = findToken(target, ctx.options, ctx.environment);
  const rows: ConfigRow[] = [
    { key: "server", ...target.server },
    { key: "project", ...target.project },
    { key: "profile", value: target.profile ?? "", from: target.profile === undefined ? "" : target.server.from },
    // The token itself is shown to nobody.
    { key: "signIn", value: token === undefined ? "none" : "yes", from: token?.from ?? "" },
    {
      key: "output",
      value: ctx.out.format,
      from:
        ctx.options.output !== undefined ? "-o" : ctx.environment.output !== undefined ? "CAPSTAN_OUTPUT" : "terminal",
    },
  ];
  const columnsOf: Column<ConfigRow>[] = [
    { title: "KEY", key: "key", value: (row) => row.key },
    { title: "VALUE", key: "value", value: (row) => row.value },
    ...(isOriginWanted ? [{ title: "FROM", key: "from", value: (row: ConfigRow) => row.from }] : []),
  ];
  ctx.out.list(rows, columnsOf, (row) => row.value, { data: rows, nextCursor: null });
}
