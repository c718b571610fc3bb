// Bodies that are verified byte by byte before anybody reads them: whatever they say they are, they come as a stream.
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError, requestBytesMax } from "@capstan/proto";

const types = new WeakMap<object, string>();

/** For a path whose body is kept raw: the type that the sender named is put aside, and no parser is chosen by it. */
export function keepRaw(request: FastifyRequest): void {
  types.set(request.raw, request.raw.headers["content-type"] ?? "");
  request.raw.headers["content-type"] = "application/octet-stream";
}

/** The type that the sender named; empty where it named none. */
export const rawTypeOf = (request: FastifyRequest): string => types.get(request.raw) ?? "";

/** The whole body. Above its bound the rest is not kept, and the connection ends with the answer. @throws body_too_large */
export async function readRaw(request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  const { body } = request;
  if (!(body instanceof Readable)) return Buffer.alloc(0);
  if (Number(request.headers["content-length"] ?? 0) > requestBytesMax) throw tooLarge(reply);
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const take = (part: Buffer): void => {
      bytes += part.length;
      if (bytes <= requestBytesMax) return void parts.push(part);
      // To destroy the stream would end the connection before the sender has its answer.
      body.off("data", take).resume();
      reject(tooLarge(reply));
    };
    body.on("data", take);
    body.once("end", () => resolve(Buffer.concat(parts)));
    body.once("error", reject);
    body.once("close", () => reject(new AppError("malformed", "the body ended before its end")));
  });
}

function tooLarge(reply: FastifyReply): AppError {
  void reply.header("connection", "close");
  return new AppError("body_too_large", "The body is larger than 1 MiB.");
}
