// The error catalogue: a heading for each code, so that a message can link to its own paragraph.
import { errorCatalogue } from "@capstan/proto";
import { heading, table } from "./page.js";

export function errorsPage() {
  const codes = Object.keys(errorCatalogue).sort();
  const overview = table(
    ["code", "status", "retryable", "title"],
    codes.map((code) => {
      const entry = errorCatalogue[code];
      return [`[\`${code}\`](#${code})`, entry.status ?? "", entry.retryable ? "yes" : "no", entry.title];
    }),
  );
  const details = codes.map((code) => {
    const entry = errorCatalogue[code];
    return `## ${code}\n\n${entry.title}. ${entry.meaning}\n\n**Do:** ${entry.do}\n`;
  });
  const lead =
    `Every code that a user can meet: ${codes.length} of them. Over HTTP they come as RFC 9457 problems with this code, ` +
    "and the status where one is named. Retryable means that the same request may succeed later without a change.";
  return `${heading("Errors", lead)}\n${overview}\n${details.join("\n")}`;
}
