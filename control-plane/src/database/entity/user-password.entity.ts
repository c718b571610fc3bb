import { Column, Entity, PrimaryColumn } from "typeorm";

/** The password of a user, as an argon2id hash. */
@Entity("user_passwords")
export class UserPasswordEntity {
  @PrimaryColumn({ name: "user_id", type: "uuid" })
  userId!: string;

  @Column({ type: "text" })
  hash!: string;

  @Column({ name: "changed_at", type: "timestamptz" })
  changedAt!: Date;
}
