import { expect, test } from "vitest";
import { AppError } from "@capstan/proto";
import { readConfig } from "./config.ts";

const base = { CAPSTAN_DATABASE_URL: "postgres://owner:hush@db/capstan" };

function refusal(environment: Record<string, string>): AppError {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("the configuration was taken");
}

test("the defaults listen on loopback and need only a database", () => {
  const config = readConfig(base);
  expect(config).toMatchObject({
    host: "127.0.0.1",
    port: 7420,
    publicUrl: undefined,
    logLevel: "info",
    logFormat: "json",
  });
  expect([...config.roles]).toEqual(["api", "gateway", "loops"]);
});

test("a mistyped setting stops the start and names the nearest one", () => {
  const error = refusal({ ...base, CAPSTAN_HTTP__PROT: "1" });
  expect(error.code).toBe("config_unknown");
  expect(error.message).toContain("did you mean CAPSTAN_HTTP__PORT?");
});

test("settings of the CLI and of agents may stand beside ours", () => {
  expect(readConfig({ ...base, CAPSTAN_SERVER: "x", CAPSTAN_AGENT__SLOTS: "4", CAPSTAN_TOKEN: "t" }).port).toBe(7420);
});

test("without a database the message says what to do", () => {
  expect(refusal({}).code).toBe("config_missing");
});

test("a wrong database address is refused without being repeated, as it may hold a password", () => {
  const error = refusal({ CAPSTAN_DATABASE_URL: "mysql://root:hush@db" });
  expect(error.code).toBe("config_invalid");
  expect(error.message).not.toContain("hush");
});

test("an address that others can reach needs https", () => {
  expect(refusal({ ...base, CAPSTAN_HTTP__HOST: "0.0.0.0" }).code).toBe("config_invalid");
  expect(
    refusal({ ...base, CAPSTAN_HTTP__HOST: "0.0.0.0", CAPSTAN_PUBLIC_URL: "http://capstan.example.org" }).code,
  ).toBe("config_invalid");
  expect(
    readConfig({ ...base, CAPSTAN_HTTP__HOST: "0.0.0.0", CAPSTAN_PUBLIC_URL: "https://capstan.example.org/" })
      .publicUrl,
  ).toBe("https://capstan.example.org");
});

test("certificate checks cannot be turned off", () => {
  expect(refusal({ ...base, NODE_TLS_REJECT_UNAUTHORIZED: "0" }).code).toBe("config_invalid");
});

test.each([
  ["CAPSTAN_HTTP__PORT", "70000"],
  ["CAPSTAN_HTTP__PORT", "7420x"],
  ["CAPSTAN_ROLES", "api,worker"],
  ["CAPSTAN_LOG_LEVEL", "loud"],
  ["CAPSTAN_PUBLIC_URL", "https://capstan.example.org/path"],
  ["CAPSTAN_CONSOLE__URL", "ftp://console"],
])("%s=%s is refused by name", (name, value) => {
  const error = refusal({ ...base, [name]: value });
  expect(error.code).toBe("config_invalid");
  expect(error.message).toContain(name);
});
