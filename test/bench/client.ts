// The load generator's HTTP client: keep-alive connections, the local token, nothing else.
import { Pool } from "undici";

export interface StartedRun {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

const json = "application/json";

export class Client {
  readonly url: string;
  private readonly pool: Pool;
  private readonly headers: Record<string, string>;

  constructor(url: string, token: string) {
    this.url = url;
    this.pool = new Pool(url, { connections: 64, pipelining: 1 });
    this.headers = { authorization: `Bearer ${token}`, "content-type": json };
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }

  async request<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
    const answer = await this.pool.request({
      method,
      path,
      headers: this.headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headersTimeout: 120_000,
      bodyTimeout: 120_000,
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300)
      throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text.slice(0, 500)}`);
    return JSON.parse(text) as T; // the routes of our own contract
  }

  async joinToken(): Promise<string> {
    const answer = await this.request<{ token: string }>("POST", `${project}/pools/default/join-tokens`, {});
    return answer.token;
  }

  deploy(documents: readonly { readonly file: string; readonly source: string }[]): Promise<unknown> {
    return this.request("POST", `${project}/deploys`, { documents });
  }

  start(workflow: string, inputs: object = {}): Promise<StartedRun> {
    return this.request("POST", `${project}/workflows/${workflow}/runs`, { inputs });
  }

  /** Starts a run and waits for its end. */
  run(workflow: string, inputs: object = {}): Promise<StartedRun & { createdAt: string; endedAt: string | null }> {
    return this.request("POST", `${project}/workflows/${workflow}/runs?wait=55s`, { inputs });
  }

  /** Starts many runs with one request and waits for the end of all. */
  async runMany(workflow: string, count: number): Promise<readonly StartedRun[]> {
    const runs = Array.from({ length: count }, () => ({}));
    const answer = await this.request<{ data: readonly StartedRun[] }>(
      "POST",
      `${project}/workflows/${workflow}/runs/batch?wait=55s`,
      { runs },
    );
    return answer.data;
  }
}

export const project = "/api/v1/projects/default";
