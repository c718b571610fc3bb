import { Column, Entity, PrimaryColumn } from "typeorm";

/** How much of something a project may use at once, or how often within a time. */
@Entity("limits")
export class LimitEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  name!: string;

  @Column({ type: "integer" })
  capacity!: number;

  @Column({ name: "per_ms", type: "bigint", nullable: true })
  perMs!: string | null;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "updated_at", type: "timestamptz" })
  updatedAt!: Date;
}
