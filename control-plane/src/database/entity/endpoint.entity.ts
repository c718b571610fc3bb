import { Column, Entity, PrimaryColumn } from "typeorm";

/** An address that events of a project are sent to. */
@Entity("endpoints")
export class EndpointEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  url!: string;

  @Column({ type: "text" })
  description!: string;

  @Column({ type: "text", array: true })
  types!: string[];

  @Column({ type: "text", array: true, nullable: true })
  workflows!: string[] | null;

  @Column({ type: "text" })
  format!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "created_by", type: "text" })
  createdBy!: string;

  @Column({ type: "jsonb", nullable: true })
  disabled!: unknown;

  @Column({ name: "failing_since", type: "timestamptz", nullable: true })
  failingSince!: Date | null;
}
