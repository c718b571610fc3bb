// The process as one thing that starts and stops: stages, front door, loops.
import { NestFactory } from "@nestjs/core";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import type { FastifyInstance } from "fastify";
import { AppError } from "@capstan/proto";
import { AppModule, makeStages } from "./app.module.ts";
import { checkDeclared } from "./auth/declared.ts";
import { openKeys } from "./auth/keys.ts";
import type { Site } from "./auth/site.ts";
import type { Config } from "./config.ts";
import { registerConsole } from "./console/proxy.ts";
import { makeAdapter, prepareFrontDoor } from "./http/front-door.ts";
import type { Log } from "./telemetry/log.ts";

export interface Server {
  readonly url: string;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
  readonly signal: AbortSignal;
}

/** Resolves when the port answers. @throws data_newer config_invalid keys_unusable address_in_use route_undeclared */
export async function startServer({ config, log, version, signal }: ServerOptions): Promise<Server> {
  const keys = openKeys(config.keysDir);
  let listening = config.port;
  const site: Site = {
    url: () => config.publicUrl ?? `http://${hostText(config.host)}:${listening}`,
    cookie: { secure: config.publicUrl?.startsWith("https://") ?? false },
    origins: { publicUrl: config.publicUrl },
  };
  const stages = await makeStages({ config, keys, log, site, version, signal });
  try {
    checkDeclared(stages.controllers);
    const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(stages), makeAdapter(stages.rim), {
      bodyParser: false,
      logger: false,
      abortOnError: false,
    });
    // The adapter's instance is Fastify's, under another generic.
    const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
    prepareFrontDoor(fastify, site, stages.rim, { proxies: config.trustedProxies, header: config.forwardedHeader });
    const closeConsole = registerConsole(fastify, {
      consoleUrl: config.consoleUrl,
      auth: stages.auth,
      site,
      rim: stages.rim,
    });
    app.useWebSocketAdapter(stages.agentSocket(app.getHttpServer()));
    await app.init();
    try {
      await app.listen(config.port, config.host);
    } catch (cause) {
      throw listenError(cause, config);
    }
    const address = app.getHttpServer().address();
    if (typeof address === "object" && address !== null) listening = address.port;
    for (const loop of stages.loops) loop.start();
    return {
      url: site.url(),
      close: async () => {
        stages.draining.now = true;
        await Promise.all(stages.loops.map((loop) => loop.stop()));
        stages.reader.stop();
        await app.close();
        await closeConsole();
        await stages.pools.close();
      },
    };
  } catch (error) {
    await stages.pools.close();
    throw error;
  }
}

const hostText = (host: string): string => {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
};

function listenError(cause: unknown, config: Config): unknown {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE")
    return new AppError("address_in_use", `Another process listens on ${config.host}:${config.port}.`, { cause });
  if (code === "EACCES")
    return new AppError("config_invalid", `This user may not listen on port ${config.port}; choose one above 1023.`, {
      cause,
    });
  return cause;
}
