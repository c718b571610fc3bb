import type { Metadata } from "next";
import { Suspense } from "react";
import { RunList, RunListSkeleton } from "../feature/run/run-list.tsx";

export const metadata: Metadata = { title: "Runs" };

export default function HomePage() {
  return (
    <Suspense fallback={<RunListSkeleton />}>
      <RunList project="default" />
    </Suspense>
  );
}
