import { Column, Entity, PrimaryColumn } from "typeorm";

/** A person, a service account, or the user of this machine. */
@Entity("users")
export class UserEntity {
  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ type: "text" })
  kind!: string;

  @Column({ name: "system_admin", type: "boolean" })
  systemAdmin!: boolean;

  @Column({ name: "disabled_at", type: "timestamptz", nullable: true })
  disabledAt!: Date | null;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
