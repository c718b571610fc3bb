import Link from "next/link";

export default function NotFound() {
  return (
    <div className="m-auto flex max-w-md flex-col gap-3 py-16 text-center">
      <h1 className="text-xl font-semibold">There is no page at this address</h1>
      <p className="text-ink-soft">
        The console has the list of{" "}
        <Link href="/runs" className="text-accent underline underline-offset-2">
          runs
        </Link>{" "}
        and a page for each run.
      </p>
    </div>
  );
}
