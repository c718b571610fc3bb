import { expect, test } from "vitest";
import { PeerFinder, type ForwardedHeader } from "./peer.ts";

const find = (
  from: string,
  headers: Record<string, string>,
  { proxies = ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"], header = "x-forwarded-for" as ForwardedHeader } = {},
) => new PeerFinder({ proxies, header }).find({ headers, socket: { remoteAddress: from } });

test.each([
  ["nobody is believed by default", "10.0.0.1", "203.0.113.7", "10.0.0.1", []],
  ["a named proxy says who it is", "10.0.0.1", "203.0.113.7", "203.0.113.7", undefined],
  [
    "an IPv4 address that the socket writes as IPv6 is the same proxy",
    "::ffff:10.0.0.1",
    "203.0.113.7",
    "203.0.113.7",
    undefined,
  ],
  [
    "what a client wrote stands left of what the proxy adds",
    "10.0.0.1",
    "198.51.100.1, 203.0.113.7",
    "203.0.113.7",
    undefined,
  ],
  [
    "a chain of proxies is followed to the first that is none",
    "10.0.0.1",
    "198.51.100.1, 203.0.113.7, 10.9.9.9",
    "203.0.113.7",
    undefined,
  ],
  [
    "a client that names a proxy of ours is not taken for one behind it",
    "10.0.0.1",
    "10.1.1.1, 203.0.113.7",
    "203.0.113.7",
    undefined,
  ],
  ["whoever is no proxy says nothing about others", "203.0.113.7", "127.0.0.1", "203.0.113.7", undefined],
  ["where all are proxies, it is the first of them", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", undefined],
  ["ports are left out", "10.0.0.1", "203.0.113.7:4711", "203.0.113.7", undefined],
  ["IPv6 with and without a port", "fd00::1", "[2001:db8::1]:4711", "2001:db8::1", undefined],
  ["what cannot be read is the proxy's", "10.0.0.1", "203.0.113.7, unknown", "10.0.0.1", undefined],
  ["a proxy that says nothing is whom we see", "10.0.0.1", "", "10.0.0.1", undefined],
] as const)("%s", (_, from, value, address, proxies) => {
  const headers: Record<string, string> = value === "" ? {} : { "x-forwarded-for": value };
  expect(find(from, headers, proxies === undefined ? {} : { proxies: [...proxies] }).address).toBe(address);
});

test("only the header that the proxies write is read: the other one is the client's", () => {
  const both = { forwarded: "for=198.51.100.1", "x-forwarded-for": "203.0.113.7" };
  expect(find("10.0.0.1", both).address).toBe("203.0.113.7");
  expect(find("10.0.0.1", both, { header: "forwarded" }).address).toBe("198.51.100.1");
});

test.each([
  ["for=203.0.113.7", "203.0.113.7"],
  ["for=198.51.100.1, FOR=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"],
  ['for=198.51.100.1,proto=https;for="[2001:db8::1]:4711"', "2001:db8::1"],
  ['for="203.0.113.7:80";host="a,b"', "203.0.113.7"],
  ["for=203.0.113.7, for=_hidden", "10.0.0.1"],
  ["for=203.0.113.7, proto=https", "10.0.0.1"],
])("Forwarded: %s", (value, address) => {
  expect(find("10.0.0.1", { forwarded: value }, { header: "forwarded" }).address).toBe(address);
});

test("whoever came through a proxy is on this machine only if a named one on this machine says so", () => {
  expect(find("127.0.0.1", {}).isLocal).toBe(true);
  expect(find("::1", {}).isLocal).toBe(true);
  expect(find("127.0.0.1", { "x-forwarded-for": "203.0.113.7" }).isLocal).toBe(false);
  expect(find("127.0.0.1", { "x-forwarded-for": "127.0.0.1" }).isLocal).toBe(true);
  // A proxy that nobody named: it is on this machine, its client need not be.
  expect(find("127.0.0.1", { "x-forwarded-for": "127.0.0.1" }, { proxies: [] }).isLocal).toBe(false);
  expect(find("127.0.0.1", { forwarded: "for=127.0.0.1" }, { proxies: [] }).isLocal).toBe(false);
  // Elsewhere it may say what it likes.
  expect(find("10.0.0.1", { "x-forwarded-for": "127.0.0.1" }).isLocal).toBe(false);
});
