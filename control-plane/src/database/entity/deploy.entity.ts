import { Column, Entity, PrimaryColumn } from "typeorm";

/** One deploy and the answer it was given. */
@Entity("deploys")
export class DeployEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  actor!: string;

  @Column({ type: "text", nullable: true })
  message!: string | null;

  @Column({ type: "jsonb" })
  result!: unknown;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
