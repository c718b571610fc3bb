import { Controller, Inject } from "@nestjs/common";
import type { Exchange, SignInLink } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { AttemptBudget } from "./attempt-budget.ts";
import { AuthService } from "./auth.service.ts";
import { clearCookie, readCookie, setCookie } from "./cookie.ts";
import { loginPage, loginPagePolicy } from "./login-page.ts";
import { SITE, type Site } from "./site.ts";

@Controller()
export class AuthController {
  private readonly auth: AuthService;
  private readonly site: Site;
  private readonly budget = new AttemptBudget({ perMinute: 10 });

  constructor(@Inject(AuthService) auth: AuthService, @Inject(SITE) site: Site) {
    this.auth = auth;
    this.site = site;
  }

  @Handles("login")
  login(@Call("login") call: CallOf<"login">): void {
    void call.reply
      .header("content-type", "text/html; charset=utf-8")
      .header("content-security-policy", loginPagePolicy)
      .header("cache-control", "no-store")
      .send(loginPage);
  }

  @Handles("signInLink")
  link(@Call("signInLink") call: CallOf<"signInLink">): Promise<SignInLink> {
    return this.auth.makeLink(call.principal, this.site.url());
  }

  @Handles("exchange")
  async exchange(@Call("exchange") call: CallOf<"exchange">): Promise<void> {
    this.budget.take(call.request.socket.remoteAddress ?? "");
    const made = await this.auth.exchange(call.body.token);
    const seconds = Math.max(0, Math.floor((made.expiresMs - Date.now()) / 1000));
    const answer: Exchange = { user: made.user, expiresAt: new Date(made.expiresMs).toISOString() };
    void call.reply
      .header("set-cookie", setCookie(made.session, seconds, this.site.cookie))
      .header("cache-control", "no-store")
      .send(answer);
  }

  @Handles("logout")
  async logout(@Call("logout") call: CallOf<"logout">): Promise<void> {
    const token = readCookie(call.request.headers.cookie, this.site.cookie);
    if (token !== undefined) await this.auth.endSession(token);
    void call.reply.header("set-cookie", clearCookie(this.site.cookie)).send();
  }
}
