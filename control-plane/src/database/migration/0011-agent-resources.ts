import type { MigrationInterface, QueryRunner } from "typeorm";

// What an agent's host has for attempts, as its last hello told: `explain` and `deploy` ask it of agents whose sessions
// are on another replica, or gone. Null: the agent does not count it.
export class AgentResources0011 implements MigrationInterface {
  readonly name = "AgentResources00119000000000011";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE agents ADD COLUMN resources jsonb");
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
