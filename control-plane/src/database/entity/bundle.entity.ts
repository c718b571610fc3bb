import { Column, Entity, PrimaryColumn } from "typeorm";

/** The code of a deploy, by its SHA-256; the bytes lie in the store folder. */
@Entity("bundles")
export class BundleEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  sha256!: string;

  @Column({ name: "size_bytes", type: "bigint" })
  sizeBytes!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
