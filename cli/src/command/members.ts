import { projectRoles, type MemberView } from "@capstan/proto";
import { InvalidArgumentError, type Command } from "commander";
import { confirmName } from "../confirm.ts";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";
import { didYouMean } from "../suggestion.ts";

type ProjectRole = (typeof projectRoles)[number];

const columns: readonly Column<MemberView>[] = [
  { title: "USER", key: "user", value: (member) => member.user },
  { title: "KIND", key: "kind", value: (member) => member.kind },
  { title: "ROLE", key: "role", value: (member) => member.role },
  { title: "DISABLED", key: "disabled", value: (member) => (member.disabled ? "yes" : "") },
  { title: "SINCE", key: "createdAt", value: (member) => member.createdAt, isWide: true },
];

function role(text: string): ProjectRole {
  const found = projectRoles.find((known) => known === text);
  if (found === undefined)
    throw new InvalidArgumentError(
      `no role of a project: ${projectRoles.join(", ")}.${didYouMean(text, projectRoles)}`,
    );
  return found;
}

/** `capstan members` and `capstan roles`: who may do what in the project. */
export function registerMembers(program: Command, context: (command: Command) => Context): void {
  const members = program.command("members").summary("who may do what in the project");
  members
    .command("list")
    .summary("members with their roles")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("memberList");
      ctx.out.list(page.data, columns, (member) => member.user, page);
      if (page.data.length === 0) ctx.out.hint("No members yet. capstan members add reporting --service --role viewer");
    });
  members
    .command("add")
    .summary("make a user a member, or give a member another role")
    .argument("<user>", "the user's name; with --service the new account's")
    .requiredOption("--role <role>", "what they may do: `capstan roles list`", role)
    .option("--service", "make a service account of this name, for software")
    .addHelpText(
      "before",
      "Examples:\n  capstan members add ana --role viewer\n  capstan members add reporting --service --role viewer\n",
    )
    .action(
      async (user: string, flags: { readonly role: ProjectRole; readonly service?: boolean }, command: Command) => {
        const ctx = context(command);
        const client = ctx.client();
        const member =
          flags.service === true
            ? await client.call("serviceAccountCreate", {
                body: { name: user, role: flags.role },
              })
            : await client.call("memberSet", {
                params: { user },
                body: { role: flags.role },
                seen: await client.seen("memberGet", { params: { user } }),
              });
        ctx.out.one(member, member.user, () => `${member.user} is ${member.role}\n`);
      },
    );
  members
    .command("remove")
    .summary("take a member out; its tokens of the project end with it")
    .argument("<user>", "the user's name")
    .action(async (user: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const params = { user };
      await confirmName(ctx, {
        deed: `Take ${user} out of project ${client.project}`,
        effect: "Their tokens of the project end.",
        name: user,
      });
      const seen = await client.seen("memberGet", { params });
      await client.call("memberDelete", { params, seen });
      ctx.out.talk(`${user} is no member any more`);
    });
  program
    .command("roles")
    .summary("roles, and what each may do")
    .command("list")
    .summary("roles with their permissions")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("roleList");
      ctx.out.list(
        page.data,
        [
          { title: "ROLE", key: "role", value: (row) => row.role },
          { title: "MAY", key: "permissions", value: (row) => row.permissions.join(" ") },
        ],
        (row) => row.role,
        page,
      );
    });
}
