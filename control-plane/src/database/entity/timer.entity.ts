import { Column, Entity, PrimaryColumn } from "typeorm";

/** What falls due for a run. */
@Entity("timers")
export class TimerEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "run_id", type: "uuid" })
  runId!: string;

  @PrimaryColumn({ type: "integer" })
  position!: number;

  @PrimaryColumn({ type: "text" })
  kind!: string;

  @Column({ name: "due_at", type: "timestamptz" })
  dueAt!: Date;

  /** Comes back with the timer's event. */
  @Column({ type: "jsonb", nullable: true })
  body!: object | null;

  /** What else it waits for: `event:order.paid`, `approval`. */
  @Column({ type: "text", nullable: true })
  awaits!: string | null;
}
