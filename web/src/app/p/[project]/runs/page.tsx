import type { Metadata } from "next";
import { Suspense } from "react";
import { RunList, RunListSkeleton } from "../../../../feature/run/run-list.tsx";

export const metadata: Metadata = { title: "Runs" };

export default async function ProjectRunsPage({ params }: { readonly params: Promise<{ readonly project: string }> }) {
  const { project } = await params;
  return (
    <Suspense fallback={<RunListSkeleton />}>
      <RunList project={decodeURIComponent(project)} />
    </Suspense>
  );
}
