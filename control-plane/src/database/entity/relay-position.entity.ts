import { Column, Entity, PrimaryColumn } from "typeorm";

/** How far the event log has been read for those who listen. */
@Entity("relay_position")
export class RelayPositionEntity {
  @PrimaryColumn({ type: "integer" })
  id!: number;

  @Column({ type: "bigint", nullable: true })
  tx!: string | null;

  @Column({ name: "event_id", type: "bigint" })
  eventId!: string;
}
