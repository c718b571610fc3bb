import type { ReactNode } from "react";
import { cn } from "../lib/cn.ts";

/** A message in the place of what it is about. */
export function Notice({
  tone = "plain",
  title,
  children,
  actions,
}: {
  readonly tone?: "plain" | "bad" | "late";
  readonly title: ReactNode;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}) {
  return (
    <div
      role={tone === "plain" ? undefined : tone === "bad" ? "alert" : "status"}
      className={cn(
        "flex flex-col gap-2 rounded-lg border px-4 py-3",
        tone === "bad"
          ? "border-bad/50 bg-bad-soft"
          : tone === "late"
            ? "border-late/50 bg-late-soft"
            : "border-line bg-raised",
      )}
    >
      <p className="font-medium text-pretty">{title}</p>
      {children}
      {actions === undefined ? null : <div className="flex flex-wrap gap-2">{actions}</div>}
    </div>
  );
}
