// What must be there before the first request: the project and pool `default`, and the user of this machine.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { uuidV7 } from "@capstan/proto";
import { ownerSettings, withProject } from "./pool.ts";

const newId = (): string => uuidV7(Date.now(), randomBytes(10));

/** Safe to repeat, and from several replicas at once. */
export async function ensureDefaults(url: string, api: pg.Pool): Promise<void> {
  const owner = new pg.Client(ownerSettings(url));
  await owner.connect();
  let projectId: string | undefined;
  try {
    await owner.query("INSERT INTO projects (id, name) VALUES ($1, 'default') ON CONFLICT (name) DO NOTHING", [
      newId(),
    ]);
    await owner.query(
      "INSERT INTO users (id, name, kind, system_admin) VALUES ($1, 'local', 'local', true) ON CONFLICT (name) DO NOTHING",
      [newId()],
    );
    const found = await owner.query<{ id: string }>("SELECT id FROM projects WHERE name = 'default'");
    projectId = found.rows[0]?.id;
  } finally {
    await owner.end().catch(() => undefined);
  }
  if (projectId === undefined) throw new Error("the project default could not be made");
  const id = projectId;
  await withProject(api, id, (client) =>
    client.query(
      "INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'default') ON CONFLICT (project_id, name) DO NOTHING",
      [id, newId()],
    ),
  );
}
