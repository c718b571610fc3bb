import { expect, test } from "vitest";
import { checkHost, checkOrigin } from "./origin.ts";

const publicUrl = "https://capstan.example.org";
const request = (headers: Record<string, string>) => ({ headers, method: "POST" });

test.each(["127.0.0.1:7420", "localhost", "localhost:9", "[::1]:7420", "capstan.example.org", "CAPSTAN.example.org"])(
  "Host %s is served",
  (host) => expect(() => checkHost(request({ host }), { publicUrl })).not.toThrow(),
);

test.each([
  "evil.example",
  "127.0.0.1.evil.example",
  "capstan.example.org.evil.example",
  "localhost.evil.example",
  "a@localhost",
  "",
  "capstan.example.org:8443",
])("Host %j is refused: a name may have been rebound to us", (host) =>
  expect(() => checkHost(request({ host }), { publicUrl })).toThrow(expect.objectContaining({ code: "host_refused" })),
);

test("a change with the cookie needs the origin of our own pages", () => {
  const host = "127.0.0.1:7420";
  expect(() => checkOrigin(request({ host, origin: "http://127.0.0.1:7420" }), { publicUrl: undefined })).not.toThrow();
  expect(() => checkOrigin(request({ host: "capstan.example.org", origin: publicUrl }), { publicUrl })).not.toThrow();
  for (const origin of ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:7420"]) {
    expect(() => checkOrigin(request({ host, origin }), { publicUrl: undefined })).toThrow(
      expect.objectContaining({ code: "origin_refused" }),
    );
  }
  expect(() => checkOrigin(request({ host }), { publicUrl: undefined })).toThrow(
    expect.objectContaining({ code: "origin_refused" }),
  );
  expect(() =>
    checkOrigin(request({ host: "evil.example", origin: "http://evil.example" }), { publicUrl: undefined }),
  ).toThrow();
});
