import { Controller, Inject } from "@nestjs/common";
import type { CiToken, DeviceStarted, DeviceToken } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { addressOf, SIGN_IN_BUDGET, type AttemptBudget } from "./attempt-budget.ts";
import { CiTokenService } from "./ci-token.service.ts";
import { devicePage, devicePagePolicy } from "./device-page.ts";
import { DeviceService } from "./device.service.ts";
import { checkFreshBrowser } from "./permission.guard.ts";

/** Sign-in of programs: of a command line by a code, of a pipeline by the token of its CI system. */
@Controller()
export class DeviceController {
  private readonly devices: DeviceService;
  private readonly pipelines: CiTokenService;
  private readonly budget: AttemptBudget;

  constructor(
    @Inject(DeviceService) devices: DeviceService,
    @Inject(CiTokenService) pipelines: CiTokenService,
    @Inject(SIGN_IN_BUDGET) budget: AttemptBudget,
  ) {
    this.devices = devices;
    this.pipelines = pipelines;
    this.budget = budget;
  }

  @Handles("deviceStart")
  start(@Call("deviceStart") { body, request, reply }: CallOf<"deviceStart">): Promise<DeviceStarted> {
    const address = addressOf(request);
    this.budget.take(address);
    void reply.header("cache-control", "no-store");
    return this.devices.start(body.client, address);
  }

  @Handles("devicePage")
  async page(@Call("devicePage") call: CallOf<"devicePage">): Promise<void> {
    const { code } = call.query;
    // Nobody needs to be signed in to be led to where one signs in.
    const principal = call.principal as CallOf<"devicePage">["principal"] | undefined;
    if (principal === undefined) {
      const back = `/auth/device${code === undefined ? "" : `?${new URLSearchParams({ code }).toString()}`}`;
      const location = `/login?${new URLSearchParams({ return: back }).toString()}`;
      void call.reply.header("cache-control", "no-store").redirect(location, 303);
      return;
    }
    // Whoever is signed in may not try codes until one waits.
    if (code !== undefined) this.budget.take(`codes of ${principal.userId}`);
    const device = code === undefined ? undefined : await this.devices.waiting(code);
    void call.reply
      .header("content-type", "text/html; charset=utf-8")
      .header("content-security-policy", devicePagePolicy)
      .header("cache-control", "no-store")
      .send(devicePage({ user: principal.name, device, isAsked: code !== undefined }));
  }

  @Handles("deviceDecide")
  async decide(@Call("deviceDecide") { body, principal }: CallOf<"deviceDecide">): Promise<void> {
    checkFreshBrowser(principal);
    this.budget.take(`codes of ${principal.userId}`);
    await this.devices.decide(body.userCode, principal, body.decision);
  }

  @Handles("deviceToken")
  token(@Call("deviceToken") { body, reply }: CallOf<"deviceToken">): Promise<DeviceToken> {
    // No budget of the address: the code is 256 random bits, and a question that comes too early is told to wait.
    void reply.header("cache-control", "no-store");
    return this.devices.token(body.deviceCode);
  }

  @Handles("ciToken")
  ciToken(@Call("ciToken") { body, request, reply }: CallOf<"ciToken">): Promise<CiToken> {
    this.budget.take(addressOf(request));
    void reply.header("cache-control", "no-store");
    return this.pipelines.exchange(body.subjectToken, body.project);
  }
}
