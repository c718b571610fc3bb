import { Column, Entity, PrimaryColumn } from "typeorm";

/** A file among outputs, by its SHA-256; the bytes lie in the store folder. */
@Entity("files")
export class StoredFileEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  sha256!: string;

  @Column({ name: "size_bytes", type: "bigint" })
  sizeBytes!: string;

  @Column({ name: "media_type", type: "text", nullable: true })
  mediaType!: string | null;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
