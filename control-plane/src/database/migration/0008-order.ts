import type { MigrationInterface, QueryRunner } from "typeorm";

/** Levels of priority that a waiting task run has risen by. A constant default: no row is rewritten. */
export class Order0008 implements MigrationInterface {
  readonly name = "Order0008000000000008";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE task_queue ADD COLUMN raised smallint NOT NULL DEFAULT 0");
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
