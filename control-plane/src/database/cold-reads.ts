// Cold reads through TypeORM's repositories: lists that a person asks for now and then. What is asked for every run, by
// every agent or by every page stays SQL on `pg` (pool.ts).
//  R1. It connects at the first read, never at start, with two connections of the request role.
//  R2. A read runs within one project, like every request (`withProject`), so row-level security holds here too.
import { DataSource, type EntityManager } from "typeorm";
import { entities } from "./entity/all-entities.ts";
import { ownerSettings, rolePassword, type DatabaseOptions } from "./pool.ts";

/** A DataSource of the request role that knows every table. It never changes the schema. */
export function requestDataSource(options: DatabaseOptions): DataSource {
  const settings = ownerSettings(options.url);
  return new DataSource({
    type: "postgres",
    host: settings.host ?? "localhost",
    port: settings.port ?? 5432,
    username: "capstan_api",
    password: rolePassword(options.roleKey, "capstan_api"),
    database: settings.database ?? "capstan",
    ...(typeof settings.ssl === "boolean" ? { ssl: settings.ssl } : {}),
    applicationName: "capstan_cold",
    synchronize: false,
    installExtensions: false,
    entities: [...entities],
    poolSize: 2,
  });
}

export class ColdReads {
  private readonly options: DatabaseOptions;
  private source: Promise<DataSource> | undefined;

  constructor(options: DatabaseOptions) {
    this.options = options;
  }

  /** Runs `work` in one transaction that sees the given project only. */
  async within<T>(projectId: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const source = await this.connected();
    return source.transaction(async (manager) => {
      await manager.query("SELECT set_config('capstan.project_id', $1, true)", [projectId]);
      return work(manager);
    });
  }

  async close(): Promise<void> {
    const source = await this.source?.catch(() => undefined);
    this.source = undefined;
    await source?.destroy();
  }

  /** A connection that could not be made is tried again by the next read. */
  private connected(): Promise<DataSource> {
    this.source ??= requestDataSource(this.options)
      .initialize()
      .catch((error: unknown) => {
        this.source = undefined;
        throw error;
      });
    return this.source;
  }
}
