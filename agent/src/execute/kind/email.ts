// `email`, by SMTP through nodemailer. The server is the notifier's `smtp` (a secret URL) or the agent's own setting.
import { hostname } from "node:os";
import { AppError, type JsonObject, type JsonValue } from "@capstan/proto";
import { createTransport } from "nodemailer";
import { makeFolderParts } from "../../workspace/directory.ts";
import type { ExecutorContext, Prepared } from "../executor.ts";
import { failed, failure } from "./failure.ts";
import { fileOf, InputFiles } from "./input-files.ts";
import { cutCharacters, delivered, fieldText } from "./notifier-fields.ts";
import type { ExecutorSettings } from "./config.ts";

const recipientsMax = 50;
const subjectMax = 200;
const bodyMax = 64 * 1024;
const attachedBytesMax = 10 * 1024 * 1024;
const timeoutMs = 15_000;

const address = /^[^\s@<>"',;:()\\[\]]+@[^\s@<>"',;:()\\[\]]+$/;

function addressesOf(value: JsonValue | undefined, field: string): string[] {
  const list: readonly JsonValue[] =
    value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  return list.map((item) => {
    if (typeof item !== "string" || item.length > 320 || !address.test(item)) {
      throw new AppError(
        "expression_failed",
        `email.${field} has something that is no address: ${JSON.stringify(item).slice(0, 80)}`,
      );
    }
    return item;
  });
}

interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly requireTLS: boolean;
  readonly auth?: { readonly user: string; readonly pass: string };
  readonly from: string | undefined;
}

/** `smtp://user:password@host:587?from=…` or `smtps://…`. A password is sent over TLS only, but to this host itself. */
export function mailServerOf(text: string): MailServer {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "smtp:" && url.protocol !== "smtps:") || url.hostname === "") {
    throw new AppError("expression_failed", "the mail server is not smtp://user:password@host:port");
  }
  const secure = url.protocol === "smtps:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const local = host === "localhost" || host === "::1" || host.startsWith("127.");
  const hasUser = url.username !== "";
  return {
    host,
    port: url.port === "" ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTLS: hasUser && !secure && !local,
    ...(hasUser ? { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } } : {}),
    from: url.searchParams.get("from") ?? undefined,
  };
}

/** @throws setup_failed where no mail server is named, expression_failed for bad fields, file_unavailable */
export async function prepareEmail(
  context: ExecutorContext,
  fields: JsonObject,
  settings: ExecutorSettings,
): Promise<Prepared> {
  const smtp = fieldText(fields, "smtp") ?? settings.smtpUrl;
  if (smtp === undefined) {
    throw new AppError(
      "setup_failed",
      "there is no mail server: give email.smtp, or set CAPSTAN_AGENT__SMTP_URL for the agent",
    );
  }
  const server = mailServerOf(smtp);
  const to = addressesOf(fields["to"], "to");
  const cc = addressesOf(fields["cc"], "cc");
  if (to.length === 0 || to.length + cc.length > recipientsMax) {
    throw new AppError(
      "expression_failed",
      `email needs 1 to ${recipientsMax} recipients and has ${to.length + cc.length}`,
    );
  }
  const attachments: { filename: string; path: string; contentType: string }[] = [];
  const attach = fields["attach"];
  if (Array.isArray(attach)) {
    const files = new InputFiles(context, makeFolderParts(context.attemptDir, context.spaceDir, false));
    let bytes = 0;
    for (const item of attach as readonly JsonValue[]) {
      // not narrowed by isArray
      const file = fileOf(item);
      if (file === undefined) throw new AppError("expression_failed", "email.attach has something that is no File");
      bytes += file.size;
      if (bytes > attachedBytesMax) throw new AppError("expression_failed", "email.attach is larger than 10 MiB");
      attachments.push({ filename: file.name, path: await files.pathOf(file), contentType: file.mediaType });
    }
  }
  const body = cutCharacters(fieldText(fields, "body") ?? "", bodyMax);
  const subject = cutCharacters(
    (fieldText(fields, "subject") ?? `${context.document.name}: ${context.attempt.runName}`).replace(/[\r\n]+/g, " "),
    subjectMax,
  );
  const message = {
    from: server.from ?? settings.mailFrom ?? `capstan@${hostname()}`,
    to,
    cc,
    subject,
    ...(fields["html"] === true ? { html: body } : { text: body }),
    attachments,
    // A retry is the same message for whoever threads by it.
    messageId: `<${context.attempt.taskRun}@capstan>`,
    disableUrlAccess: true,
  };
  return {
    kind: "inProcess",
    run: async (signal, log) => {
      log(`mail to ${to.length + cc.length} by ${server.host}:${server.port}\n`);
      const transport = createTransport({
        host: server.host,
        port: server.port,
        secure: server.secure,
        requireTLS: server.requireTLS,
        // To this host itself a certificate proves nothing; everywhere else it is checked.
        ...(server.host === "127.0.0.1" || server.host === "localhost" || server.host === "::1"
          ? { tls: { rejectUnauthorized: false } }
          : {}),
        ...(server.auth === undefined ? {} : { auth: server.auth }),
        connectionTimeout: timeoutMs,
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
      });
      const stop = (): void => transport.close();
      signal.addEventListener("abort", stop, { once: true });
      try {
        await transport.sendMail(message);
        log("delivered\n");
        return delivered;
      } catch (error) {
        return failed(
          failure("error", "notify_failed", `the mail server ${server.host}:${server.port} ${mailProblem(error)}`),
        );
      } finally {
        signal.removeEventListener("abort", stop);
        transport.close();
      }
    },
  };
}

/** What is known of a failed delivery. A server's answer to a sign-in may repeat what was sent, so it is left out. */
function mailProblem(error: unknown): string {
  const given = error instanceof Error ? error : new Error(String(error));
  const code = "code" in given ? String(given.code) : "";
  if (code === "EAUTH") return "refused the user name or password";
  if (code === "ESOCKET" || code === "ECONNECTION" || code === "ECONNREFUSED" || code === "EDNS")
    return "cannot be reached";
  if (code === "ETIMEDOUT") return "did not answer in time";
  const response =
    "response" in given && typeof given.response === "string"
      ? given.response.replace(/[\r\n]+/g, " ").slice(0, 300)
      : "";
  return response === ""
    ? `did not take the message (${code || "unknown reason"})`
    : `did not take the message: ${response}`;
}
