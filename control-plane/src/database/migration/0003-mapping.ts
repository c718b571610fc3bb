// The list of a mapped task, kept once with its group: an update of the row leaves it where it is. `json` keeps it as it
// was computed, the order of keys too.
import type { MigrationInterface, QueryRunner } from "typeorm";

export class Mapping0003 implements MigrationInterface {
  readonly name = "Mapping0003000000000003";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE task_runs ADD COLUMN items json");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE task_runs DROP COLUMN items");
  }
}
