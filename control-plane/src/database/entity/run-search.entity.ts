import { Column, Entity, PrimaryColumn } from "typeorm";

/** What a run that has ended is found by. */
@Entity("run_search")
export class RunSearchEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "duration_ms", type: "bigint" })
  durationMs!: string;

  @Column({ type: "bigint", array: true })
  terms!: string[];
}
