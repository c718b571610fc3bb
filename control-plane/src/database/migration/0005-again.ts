import type { MigrationInterface, QueryRunner } from "typeorm";

// What a run knows beside its course: that it is or was paused, which marks of lateness it passed, and the run that it
// repeats. All three are null in most rows, and a null costs a row nothing.
export class Again0005 implements MigrationInterface {
  readonly name = "Again0005000000000005";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE runs ADD COLUMN pause jsonb, ADD COLUMN late jsonb, ADD COLUMN origin jsonb;
      ALTER TABLE workflows ADD COLUMN pause jsonb;
    `);
  }

  async down(): Promise<void> {
    throw new Error("the schema only goes forward; restore a backup instead");
  }
}
