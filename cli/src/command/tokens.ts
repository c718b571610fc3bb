import { AppError, permissions, type ApiTokenView, type Permission } from "@capstan/proto";
import { InvalidArgumentError, type Command } from "commander";
import { confirmName } from "../confirm.ts";
import type { Context } from "../context.ts";
import { duration } from "../flag-value.ts";
import type { Column } from "../output/table.ts";
import { didYouMean } from "../suggestion.ts";

const columns: readonly Column<ApiTokenView>[] = [
  { title: "TOKEN", key: "id", value: (token) => token.id },
  { title: "NAME", key: "name", value: (token) => token.name },
  { title: "USER", key: "user", value: (token) => token.user },
  { title: "PROJECT", key: "project", value: (token) => token.project },
  { title: "EXPIRES", key: "expiresAt", value: (token) => token.expiresAt },
  { title: "LAST USED", key: "lastUsedAt", value: (token) => token.lastUsedAt ?? "never" },
  { title: "SCOPES", key: "scopes", value: (token) => token.scopes.join(" ") },
];

const known = Object.keys(permissions);
const isPermission = (text: string): text is Permission => Object.hasOwn(permissions, text);

function scopes(text: string, before: readonly Permission[]): Permission[] {
  if (!isPermission(text))
    throw new InvalidArgumentError(`no permission; \`capstan roles list\` shows them.${didYouMean(text, known)}`);
  return [...before, text];
}

interface CreateFlags {
  readonly scope: readonly Permission[];
  readonly expires?: number;
  readonly for?: string;
}

/** `capstan tokens`: what software shows to the API. */
export function registerTokens(program: Command, context: (command: Command) => Context): void {
  const tokens = program.command("tokens").summary("API tokens: what software shows to the API");
  tokens
    .command("create")
    .summary("make a token; it is printed once, on stdout")
    .argument("<name>", "what it is for")
    .option("--scope <permission>", "what it allows: runs:start; may be repeated", scopes, [])
    .option(
      "--expires <duration>",
      "when it ends, default 90d, at most 365d",
      duration("90d", { min: "1m", max: "365d" }),
    )
    .option("--for <account>", "a service account of the project instead of yourself")
    .addHelpText(
      "before",
      "Examples:\n  capstan tokens create nightly --scope runs:start --scope runs:read > token\n  capstan tokens create board --for reporting --scope runs:read\n",
    )
    .action(async (name: string, flags: CreateFlags, command: Command) => {
      const ctx = context(command);
      if (flags.scope.length === 0)
        throw new AppError(
          "usage",
          "say what the token allows: --scope runs:read; `capstan roles list` shows what there is",
        );
      const made = await ctx.client().call("tokenCreate", {
        body: {
          name,
          scopes: [...flags.scope],
          ...(flags.expires === undefined ? {} : { expiresInMs: flags.expires }),
          ...(flags.for === undefined ? {} : { serviceAccount: flags.for }),
        },
      });
      ctx.out.one(made, made.id, () => `${made.token}\n`);
      ctx.out.hint(`token ${made.id} of ${made.user}, good until ${made.expiresAt}; it is not shown again`);
    });
  tokens
    .command("list")
    .summary("tokens that are still good; your own, or with --all those of everybody in the project")
    .option("--all", "of everybody in the project")
    .action(async (flags: { readonly all?: boolean }, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call(flags.all === true ? "tokenList" : "myTokenList");
      ctx.out.list(page.data, columns, (token) => token.id, page);
      if (page.data.length === 0) ctx.out.hint("No tokens yet. capstan tokens create board --scope runs:read");
    });
  tokens
    .command("revoke")
    .summary("end a token now; of your own, or with --of-project of anybody in the project")
    .argument("<token>", "its id, as the list shows it")
    .option("--of-project", "of anybody in the project")
    .action(async (token: string, flags: { readonly ofProject?: boolean }, command: Command) => {
      const ctx = context(command);
      await confirmName(ctx, { deed: `Revoke the token ${token}`, effect: "Whoever uses it is out.", name: token });
      await ctx.client().call(flags.ofProject === true ? "tokenRevoke" : "myTokenRevoke", { params: { token } });
      ctx.out.talk(`${token} is revoked`);
    });
}
