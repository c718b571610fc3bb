import type { Invitation, UserView } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";

const columns: readonly Column<UserView>[] = [
  { title: "USER", key: "name", value: (user) => user.name },
  { title: "KIND", key: "kind", value: (user) => user.kind },
  { title: "STATE", key: "state", value: (user) => user.state },
  { title: "SIGNS IN BY", key: "signIn", value: (user) => user.signIn.join(" ") },
  { title: "SYSTEM ADMIN", key: "systemAdmin", value: (user) => (user.systemAdmin ? "yes" : "") },
  { title: "SEEN", key: "seenAt", value: (user) => user.seenAt ?? "" },
  { title: "CREATED", key: "createdAt", value: (user) => user.createdAt, isWide: true },
];

/** `capstan users`: who may sign in to this installation. What they may do is given per project: `capstan members`. */
export function registerUsers(program: Command, context: (command: Command) => Context): void {
  const users = program.command("users").summary("who may sign in to this installation");
  const invited = (ctx: Context, made: Invitation): void => {
    ctx.out.one(made, made.url, () => `${made.url}\n`);
    ctx.out.hint(`Give this link to ${made.user}: it sets their password, works once, and ends ${made.expiresAt}.`);
  };
  users
    .command("list")
    .summary("users and how they sign in")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("userList");
      ctx.out.list(page.data, columns, (user) => user.name, page);
    });
  users
    .command("add")
    .summary("make a user; prints the link by which they choose a password, once")
    .argument("<name>", "small letters, digits and . _ @ -")
    .option("--system-admin", "they administer the installation: users, projects")
    .addHelpText("before", "Examples:\n  capstan users add ana && capstan members add ana --role operator\n")
    .action(async (name: string, flags: { readonly systemAdmin?: boolean }, command: Command) => {
      const ctx = context(command);
      const body = { name, ...(flags.systemAdmin === true ? { systemAdmin: true } : {}) };
      invited(ctx, await ctx.client().call("userAdd", { body }));
    });
  users
    .command("invite")
    .summary("a new link for somebody who has lost their password; the one before it ends")
    .argument("<name>", "the user's name")
    .action(async (user: string, _: unknown, command: Command) => {
      const ctx = context(command);
      invited(ctx, await ctx.client().call("userInvite", { params: { user } }));
    });
  users
    .command("disable")
    .summary("end a user's sessions and tokens, and let them in no more")
    .argument("<name>", "the user's name")
    .action(async (user: string, _: unknown, command: Command) => {
      const ctx = context(command);
      await ctx.client().call("userDisable", { params: { user } });
      ctx.out.talk(`${user} is disabled; sessions and tokens end within five seconds`);
    });
  users
    .command("enable")
    .summary("let a disabled user sign in again")
    .argument("<name>", "the user's name")
    .action(async (user: string, _: unknown, command: Command) => {
      const ctx = context(command);
      await ctx.client().call("userEnable", { params: { user } });
      ctx.out.talk(`${user} may sign in again`);
    });
}
