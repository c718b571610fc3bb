"use client";
import { Check, Copy } from "lucide-react";
import { useState } from "react";

/** A command to copy. */
export function Command({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    } catch {
      // Not allowed here; the text can be selected.
    }
  };
  return (
    <span className="inline-flex max-w-full items-center gap-1 rounded-md border border-line bg-sunken py-0.5 pr-0.5 pl-2.5">
      <code className="overflow-x-auto font-mono text-xs whitespace-pre select-all">{text}</code>
      <button
        type="button"
        onClick={() => void copy()}
        aria-label={copied ? "Copied" : `Copy ${text}`}
        className="grid size-7 shrink-0 place-items-center rounded text-ink-soft hover:bg-raised hover:text-ink"
      >
        {copied ? <Check className="size-3.5" aria-hidden="true" /> : <Copy className="size-3.5" aria-hidden="true" />}
      </button>
    </span>
  );
}
