import type { LogLine } from "@capstan/proto";
import { memo } from "react";
import { ansiSpans } from "../../lib/ansi.ts";
import { cn } from "../../lib/cn.ts";

/** The text of a log line; always text, never markup. */
export const LogText = memo(function LogText({ line }: { readonly line: LogLine }) {
  return (
    <span className={cn(line.stream === "stderr" && "text-late", line.stream === "system" && "text-ink-soft italic")}>
      {line.stream === "stdout" ? null : <span className="sr-only">{line.stream}: </span>}
      {ansiSpans(line.text).map((span, place) =>
        span.className === "" ? (
          span.text
        ) : (
          <span key={place} className={span.className}>
            {span.text}
          </span>
        ),
      )}
    </span>
  );
});
