import { Column, Entity, PrimaryColumn } from "typeorm";

/** What deliveries to an endpoint are signed with, sealed. */
@Entity("endpoint_secrets")
export class EndpointSecretEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "endpoint_id", type: "uuid" })
  endpointId!: string;

  @Column({ type: "bytea" })
  sealed!: Buffer;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "expires_at", type: "timestamptz", nullable: true })
  expiresAt!: Date | null;
}
