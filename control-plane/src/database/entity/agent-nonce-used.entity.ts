import { Column, Entity, PrimaryColumn } from "typeorm";

/** A connection proof that was used; it is refused a second time. */
@Entity("agent_nonces_used")
export class AgentNonceUsedEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  jti!: string;

  @PrimaryColumn({ name: "agent_id", type: "uuid" })
  agentId!: string;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;
}
