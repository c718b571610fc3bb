"use client";
import { Button } from "../ui/button.tsx";

export default function PageError({
  error,
  reset,
}: {
  readonly error: Error & { readonly digest?: string };
  readonly reset: () => void;
}) {
  return (
    <div role="alert" className="m-auto flex max-w-md flex-col items-center gap-3 py-16 text-center">
      <h1 className="text-xl font-semibold">This page could not be drawn</h1>
      <p className="text-ink-soft">It is a fault of the console; runs and agents are not touched by it.</p>
      <p className="font-mono text-xs text-ink-soft">{error.digest ?? error.message}</p>
      <Button onClick={reset}>Draw it again</Button>
    </div>
  );
}
