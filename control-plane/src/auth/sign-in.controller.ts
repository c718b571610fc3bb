import { Controller, Inject } from "@nestjs/common";
import type { FastifyReply } from "fastify";
import { AppError } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { addressOf, SIGN_IN_BUDGET, type AttemptBudget } from "./attempt-budget.ts";
import { clearCookie, readCookie, setCookie } from "./cookie.ts";
import { loginPage, loginPagePolicy } from "./login-page.ts";
import { returnPath } from "./return-path.ts";
import { flowLifeMs, SignInService } from "./sign-in.service.ts";
import { SITE, type Site } from "./site.ts";

/** The sign-in page, and the way to an identity provider and back. */
@Controller()
export class SignInController {
  private readonly signIn: SignInService;
  private readonly site: Site;
  private readonly budget: AttemptBudget;

  constructor(
    @Inject(SignInService) signIn: SignInService,
    @Inject(SITE) site: Site,
    @Inject(SIGN_IN_BUDGET) budget: AttemptBudget,
  ) {
    this.signIn = signIn;
    this.site = site;
    this.budget = budget;
  }

  @Handles("login")
  login(@Call("login") call: CallOf<"login">): void {
    // Nobody needs to be signed in here, so there may be no caller.
    const principal = call.principal as CallOf<"login">["principal"] | undefined;
    const page = loginPage({
      home: returnPath(call.query.return),
      fresh: call.query.fresh ?? false,
      oidcLabel: this.signIn.oidcLabel,
      passwords: true,
      name: principal?.kind === "person" ? principal.name : undefined,
      error: call.query.error,
    });
    void call.reply
      .header("content-type", "text/html; charset=utf-8")
      .header("content-security-policy", loginPagePolicy)
      .header("cache-control", "no-store")
      .send(page);
  }

  @Handles("oidcStart")
  async start(@Call("oidcStart") call: CallOf<"oidcStart">): Promise<void> {
    const { return: returnTo, fresh } = call.query;
    // The answer comes to one address; under another name of this machine the browser would not have its cookie there.
    if (call.request.headers.host !== new URL(this.site.url()).host) {
      void call.reply.header("cache-control", "no-store").redirect(this.site.url() + call.request.url, 303);
      return;
    }
    await this.leading(call.reply, returnTo, async () => {
      this.budget.take(addressOf(call.request));
      const begun = await this.signIn.begin({ redirectUri: this.redirectUri(), returnTo, fresh: fresh ?? false });
      void call.reply.header(
        "set-cookie",
        setCookie(begun.secret, flowLifeMs / 1000, this.site.cookie, "capstan-sign-in"),
      );
      return begun.location;
    });
  }

  @Handles("oidcCallback")
  async callback(@Call("oidcCallback") call: CallOf<"oidcCallback">): Promise<void> {
    const { cookie } = call.request.headers;
    await this.leading(call.reply, undefined, async () => {
      const done = await this.signIn.finish(call.query, {
        secret: readCookie(cookie, this.site.cookie, "capstan-sign-in"),
        redirectUri: this.redirectUri(),
        oldSession: readCookie(cookie, this.site.cookie),
      });
      const seconds = Math.max(0, Math.floor((done.expiresMs - Date.now()) / 1000));
      void call.reply.header("set-cookie", [
        setCookie(done.session, seconds, this.site.cookie),
        clearCookie(this.site.cookie, "capstan-sign-in"),
      ]);
      return done.returnTo;
    });
  }

  /** Leads the browser on, or to the sign-in page with the reason: a person looks at the answer, and no program. */
  private async leading(reply: FastifyReply, returnTo: string | undefined, work: () => Promise<string>): Promise<void> {
    let location: string;
    try {
      location = await work();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      location = `/login?${new URLSearchParams({ error: error.code, return: returnPath(returnTo) }).toString()}`;
    }
    void reply.header("cache-control", "no-store").redirect(location, 303);
  }

  private readonly redirectUri = (): string => `${this.site.url()}/auth/oidc/callback`;
}
