import { Column, Entity, PrimaryColumn } from "typeorm";

/** A person as a provider of identities knows them. */
@Entity("user_identities")
export class UserIdentityEntity {
  @PrimaryColumn({ type: "text" })
  issuer!: string;

  @PrimaryColumn({ type: "text" })
  subject!: string;

  @Column({ name: "user_id", type: "uuid" })
  userId!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
