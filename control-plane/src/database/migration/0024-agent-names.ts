import type { MigrationInterface, QueryRunner } from "typeorm";

// The name of an agent that was revoked is free again: a host that is joined anew keeps its name. What it did stays with the
// revoked agent's id.
export class AgentNames0024 implements MigrationInterface {
  readonly name = "AgentNames00249000000000024";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE agents DROP CONSTRAINT agents_project_id_name_key;
      CREATE UNIQUE INDEX agents_name ON agents (project_id, name) WHERE state <> 'revoked';
    `);
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
