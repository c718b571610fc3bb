import { Controller, Inject } from "@nestjs/common";
import { AppError, type Exchange, type SignInLink } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { isLoopbackPeer } from "../http/peer.ts";
import { addressOf, SIGN_IN_BUDGET, type AttemptBudget } from "./attempt-budget.ts";
import { AuthService } from "./auth.service.ts";
import { bearerOf } from "./permission.guard.ts";
import { clearCookie, readCookie, setCookie } from "./cookie.ts";
import { SITE, type Site } from "./site.ts";

@Controller()
export class AuthController {
  private readonly auth: AuthService;
  private readonly site: Site;
  private readonly budget: AttemptBudget;

  constructor(
    @Inject(AuthService) auth: AuthService,
    @Inject(SITE) site: Site,
    @Inject(SIGN_IN_BUDGET) budget: AttemptBudget,
  ) {
    this.auth = auth;
    this.site = site;
    this.budget = budget;
  }

  @Handles("signInLink")
  link(@Call("signInLink") call: CallOf<"signInLink">): Promise<SignInLink> {
    return this.auth.makeLink(call.principal, this.site.url());
  }

  @Handles("exchange")
  async exchange(@Call("exchange") call: CallOf<"exchange">): Promise<void> {
    this.budget.take(addressOf(call.request));
    if (!isLoopbackPeer(call.request))
      throw new AppError(
        "sign_in_refused",
        "A link of `capstan open` works on the machine that runs Capstan. For a way in from elsewhere, make a user there: `capstan users add NAME --system-admin`.",
      );
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
    const token = bearerOf(call.request) ?? readCookie(call.request.headers.cookie, this.site.cookie);
    if (token !== undefined) await this.auth.endSession(token);
    void call.reply.header("set-cookie", clearCookie(this.site.cookie)).send();
  }
}
