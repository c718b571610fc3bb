import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isPublicAddress } from "./address.ts";
import { DirectEgress } from "./egress.ts";

let hits = 0;
const canary: Server = createServer((request, answer) => {
  hits++;
  if (request.url === "/moved") answer.writeHead(302, { location: "/" }).end();
  else if (request.url === "/big") answer.end("x".repeat(2 * 1024 * 1024));
  else answer.end("here");
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => canary.listen(0, "127.0.0.1", resolve));
  port = (canary.address() as AddressInfo).port; // a TCP server's
});
afterAll(() => void canary.close());

test("addresses of the machine, of private networks and of metadata are none of the public ones", () => {
  const wrong = [
    ...["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"],
    ...["169.254.169.254", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::", "::1", "[::1]", "::ffff:127.0.0.1"],
    ...[
      "::ffff:7f00:1",
      "::127.0.0.1",
      "64:ff9b::7f00:1",
      "2002:7f00:1::",
      "fc00::1",
      "fd00::1",
      "fe80::1%eth0",
      "ff02::1",
    ],
    ...["localhost", "", "127.1", "0x7f.1"],
  ].filter(isPublicAddress);
  expect(wrong).toEqual([]);
  expect(["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111"].filter((one) => !isPublicAddress(one))).toEqual(
    [],
  );
});

test("no way of writing this machine's address reaches it", async () => {
  const egress = new DirectEgress({ allow: [] });
  const before = hits;
  const hosts = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "[::ffff:127.0.0.1]",
    "[::1]",
    "0",
  ];
  for (const host of hosts) {
    for (const at of [`${host}:${port}`, host]) {
      await expect(egress.send(`http://${at}/`), at).rejects.toMatchObject({ code: "egress_denied" });
    }
  }
  for (const address of [
    `ftp://127.0.0.1:${port}/`,
    "file:///etc/passwd",
    "http://user:word@example.org/",
    "nothing",
  ]) {
    await expect(egress.send(address), address).rejects.toMatchObject({ code: "egress_denied" });
  }
  expect(hits).toBe(before);
  await egress.close();
});

test("a host that the operator named is reached on its port, and nothing else of that machine", async () => {
  const egress = new DirectEgress({ allow: [`127.0.0.1:${port}`] });
  expect(await egress.send(`http://127.0.0.1:${port}/`)).toEqual({ status: 200, text: "here" });
  await expect(egress.send(`http://localhost:${port}/`)).rejects.toMatchObject({ code: "egress_denied" });
  await expect(egress.send("http://127.0.0.1:8443/")).rejects.toMatchObject({ code: "egress_denied" });
  await egress.close();
});

test("a redirect is an answer and not a way on, and an answer has an end", async () => {
  const egress = new DirectEgress({ allow: ["127.0.0.1"] });
  expect((await egress.send(`http://127.0.0.1:${port}/moved`)).status).toBe(302);
  await expect(egress.send(`http://127.0.0.1:${port}/big`)).rejects.toThrow(/more than/);
  await egress.close();
});
