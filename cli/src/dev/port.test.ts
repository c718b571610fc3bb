import { createServer, type Server } from "node:net";
import { expect, test } from "vitest";
import { choosePort, freePort, portOwner, tryPort } from "./port.ts";

const occupy = (port: number): Promise<Server> =>
  new Promise((done, fail) => {
    const server = createServer().once("error", fail);
    server.listen(port, "127.0.0.1", () => done(server));
  });
const close = (server: Server): Promise<void> => new Promise((done) => server.close(() => done()));

test("a free port is free, and a taken one is not", async () => {
  const port = await freePort();
  expect(await tryPort("127.0.0.1", port)).toBe(port);
  const server = await occupy(port);
  expect(await tryPort("127.0.0.1", port)).toBeUndefined();
  await close(server);
});

test("a port that was asked for and is taken is refused", async () => {
  const port = await freePort();
  const server = await occupy(port);
  await expect(choosePort("127.0.0.1", port)).rejects.toMatchObject({ code: "port_taken" });
  await close(server);
});

test.runIf(process.platform === "linux")("who listens on a port is named, with its pid", async () => {
  const port = await freePort();
  const server = await occupy(port);
  expect(portOwner(port)).toMatch(new RegExp(`^node.* \\(pid ${process.pid}\\)$`));
  await close(server);
});
