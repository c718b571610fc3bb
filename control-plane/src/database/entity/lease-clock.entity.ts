import { Column, Entity, PrimaryColumn } from "typeorm";

/** Counted time of the control plane, the only time that leases know. One row. */
@Entity("lease_clock")
export class LeaseClockEntity {
  @PrimaryColumn({ type: "integer" })
  id!: number;

  @Column({ name: "counted_ms", type: "bigint" })
  countedMs!: string;

  @Column({ name: "db_time", type: "timestamptz" })
  dbTime!: Date;

  @Column({ type: "integer" })
  incarnation!: number;

  @Column({ type: "text" })
  timeline!: string;

  @Column({ name: "resync_ms", type: "bigint" })
  resyncMs!: string;
}
