import { Column, Entity, PrimaryColumn } from "typeorm";

/** A custom event that was told to a project. */
@Entity("project_events")
export class ProjectEventEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "bigint" })
  seq!: string;

  @Column({ type: "text" })
  type!: string;

  @Column({ type: "text", nullable: true })
  dedupe!: string | null;

  @Column({ type: "text" })
  actor!: string;

  @Column({ type: "jsonb" })
  body!: object;

  @Column({ type: "integer", nullable: true })
  chain!: number | null;

  @Column({ name: "received_at", type: "timestamptz" })
  receivedAt!: Date;

  @Column({ name: "told_at", type: "timestamptz", nullable: true })
  toldAt!: Date | null;
}
