export function LivePaused() {
  return (
    <p role="status" className="mb-3 rounded-md border border-late/50 bg-late-soft px-3 py-1.5 text-late">
      Live updates are paused, retrying. The page is fetched every 5 s meanwhile.
    </p>
  );
}
