import { Column, Entity, PrimaryColumn } from "typeorm";

/** Something that a well-behaved client does not do. */
@Entity("security_events")
export class SecurityEventEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "bigint" })
  id!: string;

  @Column({ type: "timestamptz" })
  at!: Date;

  @Column({ type: "text" })
  kind!: string;

  @Column({ type: "jsonb" })
  evidence!: unknown;
}
