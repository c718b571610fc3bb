import type { Metadata } from "next";
import { Suspense } from "react";
import { RunPage, RunPageSkeleton } from "../../../../../feature/run/run-page.tsx";

interface Props {
  readonly params: Promise<{ readonly project: string; readonly run: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: decodeURIComponent((await params).run) };
}

export default async function ProjectRunPage({ params }: Props) {
  const { project, run } = await params;
  return (
    <Suspense fallback={<RunPageSkeleton />}>
      <RunPage project={decodeURIComponent(project)} name={decodeURIComponent(run)} />
    </Suspense>
  );
}
