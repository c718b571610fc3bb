// The request of a notifier, and what its answer means.
import type { Prepared } from "../executor.ts";
import { failed, failure } from "./failure.ts";
import { badStatus, retryAfterMs, sendRequest, type HttpCall } from "./http-request.ts";
import { delivered } from "./notifier-fields.ts";

const answerBytesMax = 64 * 1024;

export interface Answers {
  /** What is wrong although the status is right. */
  readonly problemOf?: (body: string) => string | undefined;
  /** The service's own words behind a status that is not. */
  readonly wordsOf?: (body: string) => string | undefined;
}

/** @param name shown instead of the address, where the address is a secret */
export function post(call: HttpCall, name: string | undefined, answers: Answers = {}): Prepared {
  // A URL whose path is shown nowhere: only its origin is left for messages.
  const shown = name === undefined ? call.url : new URL(call.url.origin);
  return {
    kind: "inProcess",
    run: async (signal, log) => {
      log(`${call.method} ${name ?? `${shown.origin}${shown.pathname}`}\n`);
      const answer = await sendRequest(call, signal);
      if (answer.kind === "failed") {
        const message = answer.failure.message.replace(
          `${call.url.origin}${call.url.pathname}`,
          `${shown.origin}${shown.pathname}`,
        );
        return failed({ ...answer.failure, message });
      }
      const { response } = answer;
      try {
        if (response.statusCode < 200 || response.statusCode > 299) {
          const after = retryAfterMs(response, Date.now());
          const said = answers.wordsOf?.(await bodyOf(response.body).catch(() => ""));
          await response.body.dump().catch(() => undefined);
          const given = badStatus(call.method, shown, response);
          const told = said === undefined ? given : { ...given, message: `${given.message}: ${said.slice(0, 500)}` };
          return failed(told, after === undefined ? {} : { retryAfterMs: after });
        }
        const problem = answers.problemOf?.(await bodyOf(response.body));
        if (problem !== undefined) return failed(failure("error", "notify_failed", problem));
        log(`delivered (${response.statusCode})\n`);
        return delivered;
      } finally {
        await answer.close();
      }
    },
  };
}

async function bodyOf(stream: AsyncIterable<unknown>): Promise<string> {
  let body = "";
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // no encoding was set
    if (body.length < answerBytesMax) body += chunk.toString("utf8");
  }
  return body;
}
