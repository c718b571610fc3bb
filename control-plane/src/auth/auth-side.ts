// Everything that signs people and programs in, put together.
import type { Provider, Type } from "@nestjs/common";
import type { Config } from "../config.ts";
import type { Egress } from "../egress/egress.ts";
import { ApiTokenController } from "./api-token.controller.ts";
import { ApiTokenService } from "./api-token.service.ts";
import type { ApiTokenStore } from "./api-token.store.ts";
import { AttemptBudget, SIGN_IN_BUDGET } from "./attempt-budget.ts";
import { AuthController } from "./auth.controller.ts";
import { AuthService } from "./auth.service.ts";
import type { AuthStore } from "./auth.store.ts";
import { CiTokenService } from "./ci-token.service.ts";
import { DeviceController } from "./device.controller.ts";
import { DeviceService } from "./device.service.ts";
import type { DeviceStore } from "./device.store.ts";
import type { Keys } from "./keys.ts";
import { OidcClient } from "./oidc.ts";
import { Passwords } from "./password.ts";
import { SignInController } from "./sign-in.controller.ts";
import { SignInService } from "./sign-in.service.ts";
import type { SignInStore } from "./sign-in.store.ts";
import { SITE, type Site } from "./site.ts";
import { UserController } from "./user.controller.ts";
import { UserService } from "./user.service.ts";
import type { UserStore } from "./users.store.ts";

export interface AuthSideParts {
  readonly config: Config;
  readonly keys: Keys;
  readonly site: Site;
  readonly egress: Egress;
  readonly stores: {
    readonly auth: AuthStore;
    readonly tokens: ApiTokenStore;
    readonly users: UserStore;
    readonly signIn: SignInStore;
    readonly devices: DeviceStore;
  };
}

export interface AuthSide {
  readonly auth: AuthService;
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
  close(): Promise<void>;
}

export function makeAuthSide({ config, keys, site, egress, stores }: AuthSideParts): AuthSide {
  const { limits } = config;
  const publicUrl = (): string => site.url();
  const auth = new AuthService(stores.auth, keys.localToken);
  const passwords = new Passwords();
  const tokens = new ApiTokenService(stores.tokens, auth, keys.sealKey);
  const oidc = config.oidc === undefined ? undefined : new OidcClient(config.oidc, egress);
  const budget = new AttemptBudget({ perMinute: limits.signInsOfAccountPerMinute });
  const pipelines = { rules: config.ciTrust, tokens, store: stores.auth, egress, publicUrl };
  return {
    auth,
    controllers: [AuthController, SignInController, DeviceController, UserController, ApiTokenController],
    providers: [
      { provide: SITE, useValue: site },
      { provide: AuthService, useValue: auth },
      { provide: SIGN_IN_BUDGET, useValue: new AttemptBudget({ perMinute: limits.signInsPerMinute }) },
      { provide: SignInService, useValue: new SignInService(stores.signIn, oidc) },
      { provide: DeviceService, useValue: new DeviceService(stores.devices, publicUrl) },
      { provide: CiTokenService, useValue: new CiTokenService(pipelines) },
      {
        provide: UserService,
        useValue: new UserService({ store: stores.users, passwords, auth, budget, publicUrl }),
      },
      { provide: ApiTokenService, useValue: tokens },
    ],
    close: () => passwords.close(),
  };
}
