import { Column, Entity, PrimaryColumn } from "typeorm";

/** A distinct selector in a pool: what may be matched against agents. */
@Entity("lanes")
export class LaneEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "pool_id", type: "uuid" })
  poolId!: string;

  @Column({ name: "selector_hash", type: "text" })
  selectorHash!: string;

  @Column({ type: "jsonb" })
  selector!: unknown;
}
