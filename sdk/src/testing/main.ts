// The program of `capstan test`: a rehearsal as JSON on stdin, what came of it as JSON on stdout.
import { text } from "node:stream/consumers";
import { AppError } from "@capstan/proto";
import { rehearse, type RehearsalOptions } from "./rehearsal.ts";

interface Request extends RehearsalOptions {
  readonly text: string;
}

const request = JSON.parse(await text(process.stdin)) as Request; // written by the command line
try {
  process.stdout.write(JSON.stringify({ rehearsed: await rehearse(request.text, request) }));
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  process.stdout.write(
    JSON.stringify({ wrong: { code: error.code, message: error.message, problems: error.problems } }),
  );
}
