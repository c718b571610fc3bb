import { Column, Entity, PrimaryColumn } from "typeorm";

/** A named group of agents: the boundary of authorization. */
@Entity("pools")
export class PoolEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ name: "paused_at", type: "timestamptz", nullable: true })
  pausedAt!: Date | null;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
