import { Controller, Inject } from "@nestjs/common";
import type { Exchange, Invitation, RouteResponse, UserView } from "@capstan/proto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { addressOf, SIGN_IN_BUDGET, type AttemptBudget } from "./attempt-budget.ts";
import { readCookie, setCookie } from "./cookie.ts";
import type { SignedIn } from "./sign-in.service.ts";
import { SITE, type Site } from "./site.ts";
import { UserService } from "./user.service.ts";

@Controller()
export class UserController {
  private readonly users: UserService;
  private readonly site: Site;
  private readonly budget: AttemptBudget;

  constructor(
    @Inject(UserService) users: UserService,
    @Inject(SITE) site: Site,
    @Inject(SIGN_IN_BUDGET) budget: AttemptBudget,
  ) {
    this.users = users;
    this.site = site;
    this.budget = budget;
  }

  @Handles("userList")
  async list(): Promise<RouteResponse<"userList">> {
    return { data: [...(await this.users.list())], nextCursor: null };
  }

  @Handles("userAdd")
  add(@Call("userAdd") { body, actor, reply }: CallOf<"userAdd">): Promise<Invitation> {
    void reply.header("cache-control", "no-store");
    return this.users.add(body, actor);
  }

  @Handles("userInvite")
  invite(@Call("userInvite") { params, actor, reply }: CallOf<"userInvite">): Promise<Invitation> {
    void reply.header("cache-control", "no-store");
    return this.users.invite(params.user, actor);
  }

  @Handles("userDisable")
  disable(@Call("userDisable") { params, actor }: CallOf<"userDisable">): Promise<UserView> {
    return this.users.setDisabled(params.user, true, actor);
  }

  @Handles("userEnable")
  enable(@Call("userEnable") { params, actor }: CallOf<"userEnable">): Promise<UserView> {
    return this.users.setDisabled(params.user, false, actor);
  }

  @Handles("passwordSignIn")
  async signIn(@Call("passwordSignIn") { body, request, reply }: CallOf<"passwordSignIn">): Promise<void> {
    const address = addressOf(request);
    this.budget.take(address);
    const oldSession = this.oldSession(request);
    this.answer(reply, await this.users.signIn(body, { address, oldSession }));
  }

  @Handles("invitationAccept")
  async accept(@Call("invitationAccept") { body, request, reply }: CallOf<"invitationAccept">): Promise<void> {
    this.budget.take(addressOf(request));
    this.answer(reply, await this.users.accept(body.token, body.password, this.oldSession(request)));
  }

  private oldSession(request: FastifyRequest): string | undefined {
    return readCookie(request.headers.cookie, this.site.cookie);
  }

  private answer(reply: FastifyReply, made: SignedIn): void {
    const seconds = Math.max(0, Math.floor((made.expiresMs - Date.now()) / 1000));
    const answer: Exchange = { user: made.user, expiresAt: new Date(made.expiresMs).toISOString() };
    void reply
      .header("set-cookie", setCookie(made.session, seconds, this.site.cookie))
      .header("cache-control", "no-store")
      .send(answer);
  }
}
