import { Column, Entity, PrimaryColumn } from "typeorm";

/** A piece of a log, appended once. */
@Entity("log_segments")
export class LogSegmentEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "attempt_id", type: "uuid" })
  attemptId!: string;

  @PrimaryColumn({ name: "start_bytes", type: "bigint" })
  startBytes!: string;

  @Column({ name: "length_bytes", type: "bigint" })
  lengthBytes!: string;

  @Column({ name: "start_lines", type: "bigint" })
  startLines!: string;

  @Column({ type: "integer" })
  lines!: number;

  @Column({ name: "base_ms", type: "bigint" })
  baseMs!: string;

  @Column({ type: "smallint" })
  codec!: number;

  @Column({ type: "smallint" })
  flags!: number;

  @Column({ type: "bytea" })
  payload!: Buffer;
}
