"use client";
import { usePathname } from "next/navigation";
import { ApiProblem } from "../../api/problem.ts";
import { freshLoginPath, loginPath } from "../../lib/paths.ts";
import { Button, buttonLook } from "../../ui/button.tsx";
import { Notice } from "../../ui/notice.tsx";

/** A part that could not be fetched: what the API said, and what to do next. The rest of the page lives. */
export function ProblemNotice({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  const path = usePathname();
  const problem =
    error instanceof ApiProblem
      ? error
      : new ApiProblem({ code: "internal", detail: "The console could not read the answer." });
  const isStale = problem.code === "reauth_required";
  const signIn = problem.status === 401 || isStale;
  return (
    <Notice
      tone="bad"
      title={problem.message}
      actions={
        signIn ? (
          <a className={buttonLook({ look: "strong" })} href={isStale ? freshLoginPath(path) : loginPath(path)}>
            {isStale ? "Sign in again" : "Sign in"}
          </a>
        ) : (
          <Button onClick={onRetry}>Try again</Button>
        )
      }
    >
      {problem.next === undefined ? null : <p>{problem.next}</p>}
      <p className="font-mono text-xs text-ink-soft">
        {problem.code}
        {problem.requestId === undefined ? "" : ` · ${problem.requestId}`}
      </p>
    </Notice>
  );
}
