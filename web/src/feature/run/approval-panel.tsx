"use client";
import type { ApprovalView } from "@capstan/proto";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client.ts";
import { Button } from "../../ui/button.tsx";
import { ProblemNotice } from "./problem-notice.tsx";

/** A value as it was typed; the control plane checks it against the form. */
export function formValue(type: string, text: string): string | number | boolean | null {
  if (type === "boolean") return text === "true";
  if (type === "integer" || type === "number")
    return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
  if (type !== "array" && type !== "object") return text;
  try {
    return JSON.parse(text) as null; // any JSON
  } catch {
    return text;
  }
}

/** The question of a task that waits for people, and the way to answer it. */
export function ApprovalPanel({
  project,
  run,
  task,
  onAnswered,
}: {
  readonly project: string;
  readonly run: string;
  readonly task: string;
  readonly onAnswered: () => void;
}) {
  const waiting = useQuery({
    queryKey: ["approvals", project],
    queryFn: ({ signal }) => api("approvalList", { params: { project }, signal }),
  });
  const approval = waiting.data?.data.find((one) => one.run === run && one.task === task);
  if (waiting.isError) return <ProblemNotice error={waiting.error} onRetry={() => void waiting.refetch()} />;
  if (approval === undefined) return null;
  return <Answer project={project} approval={approval} onAnswered={onAnswered} />;
}

function Answer({
  project,
  approval,
  onAnswered,
}: {
  readonly project: string;
  readonly approval: ApprovalView;
  readonly onAnswered: () => void;
}) {
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [comment, setComment] = useState("");
  const { run, task } = approval;
  const fields = Object.entries(approval.form);
  const answer = useMutation({
    mutationFn: (decision: "approve" | "reject") => {
      const params = { project, run, task };
      if (decision === "reject") return api("taskReject", { params, body: { comment } });
      const form = Object.fromEntries(
        fields.flatMap(([name, { type }]) => {
          const text = texts[name];
          return text === undefined || text === "" ? [] : [[name, formValue(type, text)]];
        }),
      );
      return api("taskApprove", { params, body: { comment, form } });
    },
    onSuccess: onAnswered,
  });
  const look = "h-8 rounded-md border border-line-strong bg-raised px-2 text-ink";
  return (
    <form
      aria-label={`Approval ${task}`}
      className="flex flex-col gap-3 rounded-md border border-line bg-raised px-3 py-3"
      onSubmit={(event) => {
        event.preventDefault();
        answer.mutate("approve");
      }}
    >
      <p className="font-semibold">{approval.title}</p>
      {approval.message === "" ? null : <p className="whitespace-pre-wrap">{approval.message}</p>}
      <p className="text-ink-soft">
        {approval.from.join(", ")} may answer
        {approval.need > 1 ? `; ${approval.approvedBy.length} of ${approval.need} have approved` : ""}
        {approval.expiresAt === null ? "" : `; until ${approval.expiresAt}`}
      </p>
      {fields.map(([name, { type, title }]) => (
        <label key={name} className="flex flex-col gap-1">
          <span>{typeof title === "string" ? title : name}</span>
          {type === "boolean" ? (
            <select
              className={look}
              value={texts[name] ?? ""}
              onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
            >
              <option value="" />
              <option value="true">yes</option>
              <option value="false">no</option>
            </select>
          ) : (
            <input
              className={look}
              value={texts[name] ?? ""}
              onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
            />
          )}
        </label>
      ))}
      <label className="flex flex-col gap-1">
        <span>Comment</span>
        <input className={look} value={comment} onChange={(event) => setComment(event.target.value)} />
      </label>
      {answer.isError ? <ProblemNotice error={answer.error} onRetry={() => answer.reset()} /> : null}
      <span className="inline-flex flex-wrap items-center gap-2">
        <Button type="submit" look="strong" disabled={!approval.mine || answer.isPending}>
          Approve
        </Button>
        <Button
          type="button"
          look="danger"
          disabled={!approval.mine || answer.isPending}
          onClick={() => answer.mutate("reject")}
        >
          Reject
        </Button>
        {approval.mine ? null : <span className="text-ink-soft">It waits for somebody else.</span>}
      </span>
    </form>
  );
}
