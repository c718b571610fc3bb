import { Column, Entity, PrimaryColumn } from "typeorm";

/** A live task run at work on a key of the cache. */
@Entity("cache_flights")
export class CacheFlightEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  key!: string;

  @Column({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ type: "integer" })
  position!: number;

  @Column({ name: "taken_at", type: "timestamptz" })
  takenAt!: Date;
}
