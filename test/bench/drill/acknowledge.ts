// How long until a run that was asked for is durable: one request after the other, and many at once.
import { percentile } from "../statistics.ts";
import { startStack } from "../stack.ts";

export interface AcknowledgeFigures {
  readonly oneMsP50: number;
  readonly oneMsP99: number;
  readonly manyPerSecond: number;
  readonly requests: number;
  readonly runs: number;
}

export async function acknowledgeDrill(secs: number, connections: number): Promise<AcknowledgeFigures> {
  const stack = await startStack([]);
  try {
    const source = 'version: 1\nname: asked\ntasks: { a: { if: "false", run: "true" } }\n';
    await stack.client.deploy([{ file: "asked.yaml", source }]);
    let requests = 0;
    const ask = async (): Promise<number> => {
      const from = performance.now();
      await stack.client.start("asked");
      requests += 1;
      return performance.now() - from;
    };
    const during = async (ms: number, work: () => Promise<unknown>): Promise<void> => {
      const until = performance.now() + ms;
      while (performance.now() < until) await work();
    };
    await during(1_000, ask); // not counted: plans are made and code is warmed
    const took: number[] = [];
    await during(secs * 1000, async () => took.push(await ask()));
    const before = requests;
    const from = performance.now();
    await Promise.all(Array.from({ length: connections }, () => during(secs * 1000, ask)));
    const manyPerSecond = (requests - before) / ((performance.now() - from) / 1000);
    const list = await stack.client.request<{ data: { number: number }[] }>(
      "GET",
      "/api/v1/projects/default/runs?limit=1&workflow=asked",
    );
    return {
      oneMsP50: Number(percentile(took, 0.5).toFixed(2)),
      oneMsP99: Number(percentile(took, 0.99).toFixed(2)),
      manyPerSecond: Math.round(manyPerSecond),
      requests,
      runs: list.data[0]?.number ?? 0,
    };
  } finally {
    await stack.stop();
  }
}
