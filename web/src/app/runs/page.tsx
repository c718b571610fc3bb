import type { Metadata } from "next";
import { Suspense } from "react";
import { RunList, RunListSkeleton } from "../../feature/run/run-list.tsx";

export const metadata: Metadata = { title: "Runs" };

export default function RunsPage() {
  return (
    <Suspense fallback={<RunListSkeleton />}>
      <RunList project="default" />
    </Suspense>
  );
}
