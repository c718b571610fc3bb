import type { MigrationInterface, QueryRunner } from "typeorm";

// Versions that were made for a run, out of a deployed one with the changes that its request asked for. They have the number
// of the version that they come from, so that a run is told as one of that version; only deployed ones are numbered once.
export class DerivedVersions0021 implements MigrationInterface {
  readonly name = "DerivedVersions00219000000000021";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE workflow_versions
        ADD COLUMN derived_from text,
        ADD FOREIGN KEY (project_id, workflow_id, derived_from)
          REFERENCES workflow_versions (project_id, workflow_id, digest),
        DROP CONSTRAINT workflow_versions_project_id_workflow_id_number_key;
      CREATE UNIQUE INDEX workflow_versions_by_number ON workflow_versions (project_id, workflow_id, number)
        WHERE derived_from IS NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
