import { hostname } from "node:os";
import { text } from "node:stream/consumers";
import { AppError, type DeviceStarted } from "@capstan/proto";
import type { Command } from "commander";
import { Client } from "../api/client.ts";
import { findToken, originOf } from "../connection.ts";
import type { Context } from "../context.ts";
import { openAddress } from "../dev/keys.ts";
import {
  checkProfileName,
  findProfile,
  readSettings,
  writeCredential,
  writeSettings,
  type Credential,
} from "../settings.ts";

interface LoginFlags {
  readonly ci?: boolean;
  readonly withToken?: boolean;
  readonly browser: boolean;
}

const isLoopback = (origin: string): boolean =>
  /^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|$)/.test(origin);

/** `capstan login`, `logout`, `whoami`: who this command line is. */
export function registerLogin(program: Command, context: (command: Command) => Context): void {
  program
    .command("login")
    .summary("sign in to a server: shows a code that you confirm in a browser")
    .argument("[server]", "https address; else --server, CAPSTAN_SERVER or the profile")
    .option("--with-token", "read an API token from stdin instead")
    .option("--ci", "as this pipeline, by the token of its CI system")
    .option("--no-browser", "open no browser, only print the address")
    .addHelpText(
      "before",
      "Examples:\n  capstan login https://capstan.example.org\n  capstan login https://capstan.example.org --profile prod\n  capstan login https://capstan.example.org --with-token < token\n  capstan login https://capstan.example.org --ci && capstan deploy\n",
    )
    .action(async (server: string | undefined, flags: LoginFlags, command: Command) => {
      const ctx = context(command);
      const origin = serverToSignIn(ctx, server);
      const credential =
        flags.withToken === true
          ? await byToken(ctx, origin)
          : flags.ci === true
            ? await byPipeline(ctx, origin)
            : await byDevice(ctx, origin, flags.browser);
      const { configFile } = ctx.environment;
      const profile = keepProfile(ctx, origin);
      writeCredential(configFile, origin, credential);
      const until = credential.expiresAt === null ? "" : ` until ${credential.expiresAt}`;
      ctx.out.talk(`signed in to ${origin} as ${credential.user}${until}; profile ${profile} is in use`);
    });
  program
    .command("logout")
    .summary("end the sign-in of this command line and forget it")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const target = ctx.target();
      const origin = target.server.value;
      if (target.dataDir !== undefined)
        throw new AppError(
          "usage",
          `${origin} is the capstan dev of this folder, which needs no sign-in; name another by --server or --profile`,
        );
      const found = findToken(target, {}, { ...ctx.environment, token: undefined, tokenFile: undefined });
      if (found === undefined) throw new AppError("not_signed_in", `nobody is signed in to ${origin} here`);
      const client = new Client({ server: origin, token: found.token, project: target.project.value });
      let isEnded = true;
      try {
        await client.call("logout");
      } catch {
        isEnded = false;
      }
      writeCredential(ctx.environment.configFile, origin, undefined);
      ctx.out.talk(
        isEnded
          ? `signed out of ${origin}`
          : `${origin} did not answer: the sign-in is forgotten here and ends there by itself`,
      );
    });
  program
    .command("whoami")
    .summary("who this command line is, where, and what it may do there")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const target = ctx.target();
      const me = await ctx.client().call("me");
      const token = findToken(target, ctx.options, ctx.environment);
      ctx.out.one(
        { ...me, server: target.server.value, profile: target.profile ?? null, signIn: token?.from ?? null },
        me.user.name,
        () =>
          [
            `${me.user.name} (${me.user.kind}${me.user.systemAdmin ? ", system admin" : ""})`,
            `server    ${target.server.value}${target.profile === undefined ? "" : ` (profile ${target.profile})`}`,
            `by        ${token?.from ?? ""}${me.expiresAt === null ? "" : `, until ${me.expiresAt}`}`,
            ...me.projects.map(({ name, role }) => `project   ${name}: ${role}`),
          ].join("\n") + "\n",
      );
    });
}

function serverToSignIn(ctx: Context, argument: string | undefined): string {
  const { options, environment } = ctx;
  const settings = readSettings(environment.configFile);
  const profile = options.profile ?? environment.profile ?? settings.current;
  const known = profile !== undefined && Object.hasOwn(settings.profiles, profile);
  const said =
    argument ?? options.server ?? environment.server ?? (known ? findProfile(settings, profile).server : undefined);
  if (said === undefined) throw new AppError("usage", "say where: capstan login https://capstan.example.org");
  const origin = originOf(said, "server");
  if (origin.startsWith("http:") && !isLoopback(origin))
    throw new AppError("usage", `${origin} is not encrypted: a sign-in there could be read on its way. Use https.`);
  return origin;
}

/** Notes the server under a profile and takes it into use; gives its name. */
function keepProfile(ctx: Context, origin: string): string {
  const { configFile } = ctx.environment;
  const settings = readSettings(configFile);
  const existing = Object.entries(settings.profiles).find(([, { server }]) => server === origin)?.[0];
  const name =
    ctx.options.profile ?? ctx.environment.profile ?? existing ?? new URL(origin).host.replaceAll(/[:[\]]+/g, "-");
  checkProfileName(name);
  const { project } = ctx.options;
  const before = Object.hasOwn(settings.profiles, name) ? settings.profiles[name] : undefined;
  writeSettings(configFile, {
    current: name,
    profiles: {
      ...settings.profiles,
      [name]: { ...before, server: origin, ...(project === undefined ? {} : { project }) },
    },
  });
  return name;
}

async function byToken(ctx: Context, origin: string): Promise<Credential> {
  if (process.stdin.isTTY)
    throw new AppError("usage", "the token is read from stdin: capstan login URL --with-token < token");
  const token = (await text(process.stdin)).trim();
  const client = new Client({ server: origin, token, project: ctx.options.project ?? "default" });
  const me = await client.call("me");
  return { token, user: me.user.name, expiresAt: me.expiresAt };
}

async function byPipeline(ctx: Context, origin: string): Promise<Credential> {
  const { ci } = ctx.environment;
  const project = ctx.options.project ?? ctx.environment.project ?? "default";
  const subjectToken = ci.idToken ?? (await gitHubToken(ci, origin));
  if (subjectToken === undefined)
    throw new AppError(
      "usage",
      `this job has no token: in GitHub Actions give it \`permissions: id-token: write\`; in GitLab name CAPSTAN_ID_TOKEN under id_tokens with aud ${origin}`,
    );
  const client = new Client({ server: origin, token: undefined, project });
  const made = await client.call("ciToken", { body: { subjectToken, project } });
  return { token: made.token, user: made.user, expiresAt: made.expiresAt };
}

/** GitHub Actions gives a job an address at which it gets a token for an audience. */
async function gitHubToken(ci: Context["environment"]["ci"], audience: string): Promise<string | undefined> {
  if (ci.tokenUrl === undefined || ci.tokenRequest === undefined) return undefined;
  const url = new URL(ci.tokenUrl);
  url.searchParams.set("audience", audience);
  const answer = await fetch(url, { headers: { authorization: `Bearer ${ci.tokenRequest}` }, redirect: "error" });
  const body: unknown = answer.ok ? await answer.json() : undefined;
  if (typeof body === "object" && body !== null && "value" in body && typeof body.value === "string") return body.value;
  throw new AppError("unreachable", `${url.origin} gave no token: it answered ${answer.status}`);
}

async function byDevice(ctx: Context, origin: string, isBrowserWanted: boolean): Promise<Credential> {
  const client = new Client({ server: origin, token: undefined, project: "default" });
  const started = await client.call("deviceStart", { body: { client: `capstan on ${hostname()}`.slice(0, 128) } });
  ctx.out.talk(`Open ${started.verificationUriComplete}`);
  ctx.out.talk(`and compare the code there with this one: ${started.userCode}`);
  if (isBrowserWanted && ctx.out.isTerminal && !ctx.environment.isCi)
    await openAddress(started.verificationUriComplete);
  ctx.out.hint(`waiting until ${started.expiresAt}`);
  return confirmed(client, started);
}

/** Asks until somebody said yes or no, or the code is over. A server that is away for a moment is asked again. */
async function confirmed(client: Client, started: DeviceStarted): Promise<Credential> {
  let { intervalMs } = started;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
    try {
      const answer = await client.call("deviceToken", { body: { deviceCode: started.deviceCode } });
      if (answer.state === "signed_in") {
        const { token, user, expiresAt } = answer;
        return { token, user, expiresAt };
      }
      intervalMs = answer.intervalMs;
    } catch (error) {
      const isAway = error instanceof AppError && error.code === "unreachable";
      if (!isAway || Date.now() > Date.parse(started.expiresAt)) throw error;
    }
  }
}
