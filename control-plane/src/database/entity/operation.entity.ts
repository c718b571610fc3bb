import { Column, Entity, PrimaryColumn } from "typeorm";

/** One action on many runs. */
@Entity("operations")
export class OperationEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  action!: string;

  @Column({ type: "jsonb" })
  options!: unknown;

  @Column({ type: "text" })
  actor!: string;

  @Column({ type: "text" })
  caller!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
