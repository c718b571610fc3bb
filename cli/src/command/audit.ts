import { AppError, type AuditRecordView } from "@capstan/proto";
import { InvalidArgumentError, type Command } from "commander";
import { readFileSync } from "node:fs";
import type { Client } from "../api/client.ts";
import { checkChain, type Witness } from "../audit-chain.ts";
import type { Context } from "../context.ts";
import { wholeNumber } from "../flag-value.ts";
import type { Column } from "../output/table.ts";

const columns: readonly Column<AuditRecordView>[] = [
  { title: "SEQ", key: "seq", value: (record) => String(record.seq), align: "right" },
  { title: "AT", key: "at", value: (record) => record.at },
  { title: "ACTOR", key: "actor", value: (record) => record.actor },
  { title: "ACTION", key: "action", value: (record) => record.action },
  { title: "SUBJECT", key: "subject", value: (record) => record.subject },
  { title: "DETAIL", key: "detail", value: (record) => JSON.stringify(record.detail) },
  { title: "SHA256", key: "sha256", value: (record) => record.sha256, isWide: true },
];

interface ListFlags {
  readonly system?: boolean;
  readonly actor?: string;
  readonly action?: string;
  readonly since?: string;
  readonly limit?: number;
}

interface VerifyFlags {
  readonly file?: string;
  readonly witness?: Witness;
  readonly system?: boolean;
}

function witness(text: string): Witness {
  const match = /^([1-9][0-9]{0,15}):([0-9a-f]{64})$/.exec(text);
  if (match === null) throw new InvalidArgumentError("write it as `capstan audit head` prints it: SEQ:SHA256");
  return { seq: Number(match[1]), sha256: match[2] ?? "" };
}

/** Of the project, or of the installation. */
const trail = (isSystem: boolean | undefined) =>
  isSystem === true
    ? ({ list: "systemAuditList", head: "systemAuditHead" } as const)
    : ({ list: "auditList", head: "auditHead" } as const);
const systemFlag = ["--system", "of the installation: sign-ins and users"] as const;

async function wholeTrail(client: Client, isSystem: boolean | undefined): Promise<AuditRecordView[]> {
  const records: AuditRecordView[] = [];
  let cursor: string | undefined;
  do {
    const query = { order: "asc" as const, limit: 500, ...(cursor === undefined ? {} : { cursor }) };
    const page = await client.call(trail(isSystem).list, { query });
    records.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return records;
}

/** Records of a file: one JSON object a line, as `capstan audit list -o jsonl` prints them, in any order. */
function recordsOf(file: string): AuditRecordView[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new AppError("file_unreadable", `${file} cannot be read`, { cause });
  }
  const records = text.split("\n").flatMap((line, i): AuditRecordView[] => {
    if (line.trim() === "") return [];
    try {
      return [JSON.parse(line) as AuditRecordView]; // what it says is what is checked
    } catch {
      throw new AppError("file_unreadable", `${file}:${i + 1}: this line is no JSON`);
    }
  });
  return records.sort((a, b) => a.seq - b.seq);
}

/** `capstan audit`: who changed what, and whether the record of it is whole. */
export function registerAudit(program: Command, context: (command: Command) => Context): void {
  const audit = program.command("audit").summary("who changed what, and whether the record of it is whole");
  audit
    .command("list")
    .summary("records of the audit trail, newest first")
    .option("--actor <name>", "only by this one: user:ana")
    .option("--action <permission>", "only of this kind: runs:cancel")
    .option("--since <time>", "only since then: 2026-11-01T00:00:00.000Z")
    .option("--limit <n>", "records, default 50", wholeNumber(1, 500))
    .addHelpText("before", "Examples:\n  capstan audit list --action runs:cancel\n")
    .option(...systemFlag)
    .action(async ({ system, ...query }: ListFlags, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call(trail(system).list, { query });
      ctx.out.list(page.data, columns, (record) => String(record.seq), page);
    });
  audit
    .command("head")
    .summary("the newest record as SEQ:SHA256, to keep elsewhere as a witness")
    .option(...systemFlag)
    .action(async (flags: { readonly system?: boolean }, command: Command) => {
      const ctx = context(command);
      const head = await ctx.client().call(trail(flags.system).head);
      ctx.out.one(head, String(head.seq), () => `${head.seq}:${head.sha256}\n`);
    });
  audit
    .command("verify")
    .summary("follow the chain of hashes from its first record")
    .option("--file <file>", "records from a file instead, as `audit list -o jsonl` prints them")
    .option("--witness <seq:sha256>", "what `audit head` printed at an earlier time", witness)
    .addHelpText(
      "before",
      "Examples:\n  capstan audit verify\n  capstan audit verify --witness 812:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
    )
    .option(...systemFlag)
    .action(async (flags: VerifyFlags, command: Command) => {
      const ctx = context(command);
      const records = flags.file === undefined ? await wholeTrail(ctx.client(), flags.system) : recordsOf(flags.file);
      const check = checkChain(records, flags.witness);
      if (!check.isWhole) throw new AppError("audit_broken", `${check.why}.`, { evidence: { seq: check.seq } });
      ctx.out.one(check, String(check.records), () => `whole: ${check.records} records, head ${check.head}\n`);
    });
}
