import { Column, Entity, PrimaryColumn } from "typeorm";

/** The role of a user in a project. */
@Entity("members")
export class MemberEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "user_id", type: "uuid" })
  userId!: string;

  @Column({ type: "text" })
  role!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "from_groups", type: "boolean" })
  fromGroups!: boolean;
}
