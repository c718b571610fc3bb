// Many clients race with the same idempotency keys while replicas die: one run for each key, and one answer.
import { killing, Replicas } from "./replicas.ts";

export interface KeyDrill {
  readonly keys: number;
  /** Clients that race for each key. */
  readonly racers: number;
  /** Keys that are raced for at once. */
  readonly atOnce: number;
  readonly killEverySecs: number;
  readonly replicas: number;
}

export interface KeyFigures {
  readonly keys: number;
  readonly requests: number;
  /** Requests whose replica died under them and that were repeated. */
  readonly repeated: number;
  readonly runs: number;
  readonly duplicates: number;
  /** Keys of which two clients were told different runs. */
  readonly disagreed: number;
  readonly kills: number;
}

export async function keyDrill(drill: KeyDrill, say: (text: string) => void): Promise<KeyFigures> {
  const replicas = await Replicas.start(drill.replicas);
  try {
    await replicas.deploy([
      'version: 1\nname: keyed\ninputs: { key: integer }\ntasks: { a: { if: "false", run: "true" } }\n',
    ]);
    const stop = killing(replicas, drill.killEverySecs, drill.replicas);
    let requests = 0;
    let repeated = 0;
    let disagreed = 0;
    let next = 0;
    const ask = async (key: number, client: number): Promise<string> => {
      for (let attempt = 0; ; attempt++) {
        requests += 1;
        const urls = replicas.urls();
        const url = urls[(client + attempt) % Math.max(1, urls.length)];
        try {
          const { status, body } = await replicas.call(
            "POST",
            "/projects/default/workflows/keyed/runs",
            { inputs: { key } },
            { "idempotency-key": `key-${key}` },
            url,
          );
          if (status === 202 || status === 200) return String(body["id"]);
          if (status < 500 && status !== 409 && status !== 429) throw new Refusal(`${status} ${JSON.stringify(body)}`);
        } catch (error) {
          if (error instanceof Refusal) throw error;
        }
        repeated += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const race = async (): Promise<void> => {
      for (let key = next++; key < drill.keys; key = next++) {
        const told = await Promise.all(Array.from({ length: drill.racers }, (_, client) => ask(key, client)));
        if (new Set(told).size !== 1) disagreed += 1;
        if (key % 1000 === 999) say(`${key + 1} keys, ${requests} requests, ${replicas.kills} kills`);
      }
    };
    await Promise.all(Array.from({ length: drill.atOnce }, race));
    await stop();
    const { rows } = await replicas.database.query<{ runs: number; keys: number }>(
      "SELECT count(*)::int AS runs, count(DISTINCT inputs -> 'key')::int AS keys FROM runs WHERE workflow_name = 'keyed'",
    );
    const { runs = 0, keys = 0 } = rows[0] ?? {};
    return { keys, requests, repeated, runs, duplicates: runs - keys, disagreed, kills: replicas.kills };
  } finally {
    await replicas.stop();
  }
}

class Refusal extends Error {}
