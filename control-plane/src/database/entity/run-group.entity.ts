import { Column, Entity, PrimaryColumn } from "typeorm";

/** A run of a workflow with `concurrency`, while it goes on or waits. */
@Entity("run_groups")
export class RunGroupEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ name: "group_key", type: "text" })
  groupKey!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ type: "integer" })
  capacity!: number;
}
