import type { MigrationInterface, QueryRunner } from "typeorm";

// The classes of data that an agent's policy file allows, as its last hello told: placement asks the session, `explain` and
// `deploy` ask this of agents whose sessions are on another replica, or gone. Null: an agent that knows nothing of classes.
export class AllowedData0019 implements MigrationInterface {
  readonly name = "AllowedData00199000000000019";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE agents ADD COLUMN allow_data jsonb");
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
