import { Column, Entity, PrimaryColumn } from "typeorm";

/** A plain value of a project that its workflows read by name. */
@Entity("variables")
export class VariableEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  name!: string;

  @Column({ type: "text" })
  value!: string;

  @Column({ name: "updated_at", type: "timestamptz" })
  updatedAt!: Date;

  @Column({ name: "updated_by", type: "text" })
  updatedBy!: string;
}
