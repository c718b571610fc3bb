import { Column, Entity, PrimaryColumn } from "typeorm";

/** The run that was started last by a dedupe key of a workflow. */
@Entity("run_dedupe_keys")
export class RunDedupeKeyEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @PrimaryColumn({ type: "text" })
  key!: string;

  @Column({ name: "run_id", type: "uuid" })
  runId!: string;
}
