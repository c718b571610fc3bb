import { Column, Entity, PrimaryColumn } from "typeorm";

/** How far the search has followed the event log. */
@Entity("search_position")
export class SearchPositionEntity {
  @PrimaryColumn({ type: "integer" })
  one!: number;

  @Column({ type: "text" })
  tx!: string;

  @Column({ name: "event_id", type: "bigint" })
  eventId!: string;
}
