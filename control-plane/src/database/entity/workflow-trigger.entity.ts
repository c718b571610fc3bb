import { Column, Entity, PrimaryColumn } from "typeorm";

/** A trigger of an active version that something else than the clock fires. */
@Entity("workflow_triggers")
export class WorkflowTriggerEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @PrimaryColumn({ name: "trigger_id", type: "text" })
  triggerId!: string;

  @Column({ type: "text" })
  kind!: string;

  @Column({ type: "text" })
  digest!: string;

  @Column({ name: "listens_to", type: "text", nullable: true })
  listensTo!: string | null;

  @Column({ type: "boolean" })
  enabled!: boolean;

  @Column({ type: "text" })
  spec!: string;

  @Column({ type: "jsonb", nullable: true })
  disabled!: unknown;
}
