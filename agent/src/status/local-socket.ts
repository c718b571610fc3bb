// `agent.sock` in the data folder: the lock of the folder, and the status for people on this host. Mode 0600.
//  K1. A second process that finds it answered does not start (exit 75). A socket nobody answers is left over.
import { chmodSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { AppError, type JsonObject } from "@capstan/proto";

/** Takes the lock and answers every connection with one line of JSON. @throws agent_already_running */
export async function takeLocalSocket(path: string, status: () => JsonObject): Promise<Server> {
  if (await isAnswered(path)) throw new AppError("agent_already_running", `another agent answers on ${path}`);
  try {
    unlinkSync(path);
  } catch {
    // There was none.
  }
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`${JSON.stringify(status())}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
