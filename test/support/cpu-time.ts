/**
 * CPU time of this thread for `work`, in ms. Bounds in tests are on this and never on wall time, which on a busy machine
 * says more about its neighbours.
 */
export function cpuMsOf(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const used = process.threadCpuUsage(before);
  return (used.user + used.system) / 1000;
}
