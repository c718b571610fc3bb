// The host's three clocks, read together. One host, so agent and runner read the same ones.
import { uptime } from "node:os";
import type { ClockReading } from "@capstan/proto";

export const readClocks = (): ClockReading => ({
  monoMs: Number(process.hrtime.bigint() / 1000n) / 1000,
  bootMs: uptime() * 1000,
  wallMs: Date.now(),
});
