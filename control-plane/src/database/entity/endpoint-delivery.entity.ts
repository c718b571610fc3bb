import { Column, Entity, PrimaryColumn } from "typeorm";

/** One event on its way to an endpoint. */
@Entity("endpoint_deliveries")
export class EndpointDeliveryEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "endpoint_id", type: "uuid" })
  endpointId!: string;

  @Column({ type: "bigint" })
  seq!: string;

  @Column({ type: "text", nullable: true })
  dedupe!: string | null;

  @Column({ type: "text" })
  type!: string;

  @Column({ type: "text" })
  subject!: string;

  @Column({ type: "jsonb" })
  payload!: unknown;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ type: "text", nullable: true })
  outcome!: string | null;

  @Column({ name: "next_at", type: "timestamptz" })
  nextAt!: Date;

  @Column({ type: "integer" })
  attempts!: number;

  @Column({ type: "jsonb" })
  tries!: unknown;
}
