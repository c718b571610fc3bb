import { Column, Entity, PrimaryColumn } from "typeorm";

/** How far the log of an attempt has come. */
@Entity("log_streams")
export class LogStreamEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "attempt_id", type: "uuid" })
  attemptId!: string;

  @Column({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ type: "integer" })
  position!: number;

  @Column({ type: "bigint" })
  epoch!: string;

  @Column({ name: "committed_bytes", type: "bigint" })
  committedBytes!: string;

  @Column({ name: "committed_lines", type: "bigint" })
  committedLines!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ name: "final_bytes", type: "bigint", nullable: true })
  finalBytes!: string | null;

  @Column({ name: "final_sha256", type: "text", nullable: true })
  finalSha256!: string | null;
}
