import { Column, Entity, PrimaryColumn } from "typeorm";

/** A tenant. Everything else of the product hangs on one. */
@Entity("projects")
export class ProjectEntity {
  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ type: "text" })
  description!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
