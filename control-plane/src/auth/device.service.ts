// Sign-in of a command line: it shows a code, its person confirms the code in a browser where they are signed in.
//  D1. The program's own code is 256 random bits of which only the SHA-256 is kept; the person's is short, lives ten
//      minutes, and is good for nothing but saying yes or no by somebody who is signed in.
//  D2. The sign-in is given once. If the answer is lost on its way, the program begins again.
//  D3. It counts as proved when its person proved who they are in the browser, and not when the program fetched it.
import { randomInt } from "node:crypto";
import { AppError, type DeviceStarted, type DeviceToken } from "@capstan/proto";
import { actorOf } from "../http/call.ts";
import type { Principal } from "../http/request-context.ts";
import type { DeviceStore, WaitingDevice } from "./device.store.ts";
import { hashToken, makeToken, parseToken } from "./opaque-token.ts";

const deviceLifeMs = 10 * 60_000;
const intervalMs = 2_000;
/** The absolute end of a command line's sign-in. */
export const cliSessionLifeMs = 30 * 86_400_000;

/** RFC 8628 §6.1: letters that spell no words and are not taken for digits; 20^8 codes, of which few live at once. */
const letters = "BCDFGHJKLMNPQRSTVWXZ";
const codeLength = 8;

const newUserCode = (): string => {
  let code = "";
  for (let i = 0; i < codeLength; i++) code += letters.charAt(randomInt(letters.length));
  return `${code.slice(0, 4)}-${code.slice(4)}`;
};

/** The code as it is kept, from what a person typed; undefined for text that can be none. */
export function readUserCode(text: string): string | undefined {
  const plain = text.toUpperCase().replaceAll(/[\s-]/g, "");
  if (plain.length !== codeLength || [...plain].some((letter) => !letters.includes(letter))) return undefined;
  return `${plain.slice(0, 4)}-${plain.slice(4)}`;
}

export class DeviceService {
  private readonly store: DeviceStore;
  private readonly publicUrl: () => string;

  constructor(store: DeviceStore, publicUrl: () => string) {
    this.store = store;
    this.publicUrl = publicUrl;
  }

  async start(client: string, address: string): Promise<DeviceStarted> {
    const device = makeToken("device");
    for (let tries = 0; tries < 5; tries++) {
      const userCode = newUserCode();
      const made = await this.store.open({
        deviceHash: hashToken(device.text),
        userCode,
        client,
        address,
        lifeMs: deviceLifeMs,
        intervalMs,
      });
      if (made === undefined) continue;
      const verificationUri = `${this.publicUrl()}/auth/device`;
      return {
        deviceCode: device.text,
        userCode,
        verificationUri,
        verificationUriComplete: `${verificationUri}?code=${userCode}`,
        expiresAt: new Date(made.expiresMs).toISOString(),
        intervalMs,
      };
    }
    throw new AppError("unavailable", "No free code was found; that many sign-ins wait at once.");
  }

  /** What waits under a code that a person typed or followed. */
  async waiting(text: string): Promise<(WaitingDevice & { readonly userCode: string }) | undefined> {
    const userCode = readUserCode(text);
    const found = userCode === undefined ? undefined : await this.store.waiting(userCode);
    return userCode === undefined || found === undefined ? undefined : { ...found, userCode };
  }

  /** @throws not_found where nothing waits under the code */
  async decide(text: string, principal: Principal, decision: "approve" | "deny"): Promise<void> {
    const userCode = readUserCode(text);
    const answer = {
      userId: principal.userId,
      approve: decision === "approve",
      provedMs: principal.signedInMs,
      actor: actorOf(principal),
    };
    if (userCode === undefined || !(await this.store.decide(userCode, answer)))
      throw new AppError("not_found", "No program waits under this code; codes end after ten minutes.");
  }

  /** @throws token_expired sign_in_refused */
  async token(deviceCode: string): Promise<DeviceToken> {
    const session = makeToken("cli");
    const done =
      parseToken(deviceCode)?.kind === "device"
        ? await this.store.redeem(hashToken(deviceCode), {
            tokenHash: hashToken(session.text),
            lifeMs: cliSessionLifeMs,
          })
        : { kind: "unknown" as const };
    if (done.kind === "unknown")
      throw new AppError(
        "token_expired",
        "Nobody confirmed this code within ten minutes, or the sign-in was fetched before. Run `capstan login` again.",
      );
    if (done.kind === "denied") throw new AppError("sign_in_refused", "The sign-in was refused in the browser.");
    if (done.kind === "pending") return { state: "pending", intervalMs: done.intervalMs };
    const { user, expiresMs } = done.session;
    return { state: "signed_in", token: session.text, user: user.name, expiresAt: new Date(expiresMs).toISOString() };
  }
}
