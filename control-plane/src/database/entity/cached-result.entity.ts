import { Column, Entity, PrimaryColumn } from "typeorm";

/** What a task with `cache` gave, by its key. */
@Entity("cached_results")
export class CachedResultEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  key!: string;

  @Column({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ name: "run_name", type: "text" })
  runName!: string;

  @Column({ type: "jsonb" })
  outputs!: unknown;

  @Column({ type: "text", array: true })
  files!: string[];

  @Column({ name: "stored_at", type: "timestamptz" })
  storedAt!: Date;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;
}
