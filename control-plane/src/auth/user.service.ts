// Users of this installation: invitations, passwords, and the sign-in by name and password.
//  U1. A password is set by its owner alone, through an invitation that works once; nobody else ever knows it.
//  U2. Whether a name exists, has a password or is disabled is told by neither the answer nor the time that it takes.
import { AppError, type AddUserBody, type Invitation, type UserView } from "@capstan/proto";
import type { AttemptBudget } from "./attempt-budget.ts";
import type { AuthService } from "./auth.service.ts";
import { hashToken, makeToken, parseToken } from "./opaque-token.ts";
import { checkPassword, type Passwords } from "./password.ts";
import { replacedBy, sessionLifeMs, type SignedIn } from "./sign-in.service.ts";
import type { NewSession } from "./sign-in.store.ts";
import type { UserStore } from "./users.store.ts";

const invitationLifeMs = 3 * 86_400_000;

export interface UserParts {
  readonly store: UserStore;
  readonly passwords: Passwords;
  readonly auth: AuthService;
  /** Tries by one name, whoever makes them. */
  readonly budget: AttemptBudget;
  readonly publicUrl: () => string;
}

export class UserService {
  private readonly parts: UserParts;

  constructor(parts: UserParts) {
    this.parts = parts;
  }

  list(): Promise<readonly UserView[]> {
    return this.parts.store.users();
  }

  /** @throws state_conflict where the name is taken */
  async add(body: AddUserBody, actor: string): Promise<Invitation> {
    const token = makeToken("invitation");
    const user = { name: body.name, systemAdmin: body.systemAdmin ?? false };
    const made = await this.parts.store.add(
      user,
      { tokenHash: hashToken(token.text), lifeMs: invitationLifeMs },
      actor,
    );
    if (made === undefined)
      throw new AppError(
        "state_conflict",
        `There is a user ${body.name} already. \`capstan users invite ${body.name}\` makes a new invitation.`,
      );
    return this.invitation(body.name, token.text, made.expiresMs);
  }

  /** @throws state_conflict where nobody could use it */
  async invite(name: string, actor: string): Promise<Invitation> {
    const token = makeToken("invitation");
    const made = await this.parts.store.invite(
      name,
      { tokenHash: hashToken(token.text), lifeMs: invitationLifeMs },
      actor,
    );
    if (made === undefined) throw new AppError("state_conflict", `There is no person ${name} who may sign in.`);
    return this.invitation(name, token.text, made.expiresMs);
  }

  /** @throws not_found state_conflict */
  async setDisabled(name: string, disabled: boolean, actor: string): Promise<UserView> {
    const change = await this.parts.store.setDisabled(name, disabled, actor);
    if (change.kind === "no_user") throw new AppError("not_found", `There is no user ${name}.`);
    if (change.kind === "last_admin")
      throw new AppError(
        "state_conflict",
        `${name} is this machine itself, and stays: without it nobody could be let in again.`,
      );
    this.parts.auth.forget();
    return change.user;
  }

  /** @throws token_expired password_weak rate_limited */
  async accept(text: string, password: string, oldSession: string | undefined): Promise<SignedIn> {
    const gone = (): AppError =>
      new AppError(
        "token_expired",
        "This invitation was used before, replaced, or is older than three days. Ask for a new one.",
      );
    if (parseToken(text)?.kind !== "invitation") throw gone();
    const tokenHash = hashToken(text);
    const name = await this.parts.store.invited(tokenHash);
    if (name === undefined) throw gone();
    checkPassword(password, name);
    const session = makeToken("session");
    const hash = await this.parts.passwords.hash(password);
    const opened = await this.parts.store.accept(tokenHash, hash, newSession(session.text, oldSession));
    if (opened === undefined) throw gone();
    this.parts.auth.forget();
    return { session: session.text, user: opened.user.name, expiresMs: opened.expiresMs };
  }

  /** @throws sign_in_refused rate_limited */
  async signIn(
    body: { readonly name: string; readonly password: string },
    from: { readonly address: string; readonly oldSession: string | undefined },
  ): Promise<SignedIn> {
    const name = body.name.trim().toLowerCase();
    this.parts.budget.take(name);
    const row = await this.parts.store.password(name);
    const matches = await this.parts.passwords.matches(body.password, row?.hash);
    if (row !== undefined && matches) {
      const session = makeToken("session");
      const opened = await this.parts.store.openByPassword(row, newSession(session.text, from.oldSession));
      if (opened !== undefined) return { session: session.text, user: opened.user.name, expiresMs: opened.expiresMs };
    }
    await this.parts.store.refused(row?.name, from.address);
    throw new AppError("sign_in_refused", "Name or password is wrong.");
  }

  private invitation(user: string, token: string, expiresMs: number): Invitation {
    const fragment = new URLSearchParams({ invitation: token, name: user }).toString();
    return { user, url: `${this.parts.publicUrl()}/login#${fragment}`, expiresAt: new Date(expiresMs).toISOString() };
  }
}

const newSession = (text: string, oldSession: string | undefined): NewSession => ({
  tokenHash: hashToken(text),
  kind: "browser",
  lifeMs: sessionLifeMs,
  provedMs: undefined,
  replaces: replacedBy(oldSession),
});
