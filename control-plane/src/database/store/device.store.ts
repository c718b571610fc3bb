import type pg from "pg";
import { installationId } from "../../audit/entry.ts";
import type { DeviceStore, NewDevice, Redeemed, WaitingDevice } from "../../auth/device.store.ts";
import type { NewSession } from "../../auth/sign-in.store.ts";
import { inTransaction } from "../pool.ts";
import { appendAudit } from "./audit-append.ts";
import { openSession, userColumns, type UserColumns } from "./open-session.ts";

interface DeviceColumns {
  readonly state: "pending" | "approved" | "denied";
  readonly client: string;
  readonly address: string;
  readonly user_id: string | null;
  readonly proved_ms: number | null;
  readonly interval_seconds: number;
  readonly too_early: boolean;
}

/** RFC 8628 §3.5: each question that comes too early makes the wait longer by five seconds. */
const slowerBySeconds = 5;
const longestSeconds = 60;

/** Sign-in by a code on PostgreSQL, by the role that alone may read credentials. */
export class PgDeviceStore implements DeviceStore {
  private readonly pool: pg.Pool;

  constructor(auth: pg.Pool) {
    this.pool = auth;
  }

  async open(device: NewDevice): Promise<{ readonly expiresMs: number } | undefined> {
    await this.pool.query("DELETE FROM device_codes WHERE expires_at < clock_timestamp()");
    const { rows } = await this.pool.query<{ expires_ms: number }>(
      `INSERT INTO device_codes (device_sha256, user_code, client, address, interval_seconds, expires_at)
       VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6::float8 / 1000))
       ON CONFLICT (user_code) DO NOTHING RETURNING (extract(epoch FROM expires_at) * 1000)::float8 AS expires_ms`,
      [device.deviceHash, device.userCode, device.client, device.address, device.intervalMs / 1000, device.lifeMs],
    );
    const [row] = rows;
    return row === undefined ? undefined : { expiresMs: Math.round(row.expires_ms) };
  }

  async waiting(userCode: string): Promise<WaitingDevice | undefined> {
    const { rows } = await this.pool.query<{ client: string; address: string; created_ms: number }>(
      `SELECT client, address, (extract(epoch FROM created_at) * 1000)::float8 AS created_ms FROM device_codes
        WHERE user_code = $1 AND state = 'pending' AND expires_at > clock_timestamp()`,
      [userCode],
    );
    const [row] = rows;
    return row === undefined ? undefined : { client: row.client, address: row.address, createdMs: row.created_ms };
  }

  decide(
    userCode: string,
    answer: { readonly userId: string; readonly approve: boolean; readonly provedMs: number; readonly actor: string },
  ): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ client: string; address: string }>(
        `UPDATE device_codes SET state = $2, user_id = $3, signed_in_at = to_timestamp($4::float8 / 1000)
          WHERE user_code = $1 AND state = 'pending' AND expires_at > clock_timestamp() RETURNING client, address`,
        [userCode, answer.approve ? "approved" : "denied", answer.userId, answer.provedMs],
      );
      const [device] = rows;
      if (device === undefined) return false;
      await appendAudit(client, installationId, {
        actor: answer.actor,
        action: answer.approve ? "sign_in:device_approved" : "sign_in:device_denied",
        subject: answer.actor.replace(/^user:/, ""),
        detail: { client: device.client, address: device.address },
      });
      return true;
    });
  }

  redeem(deviceHash: Buffer, session: Omit<NewSession, "provedMs" | "replaces" | "kind">): Promise<Redeemed> {
    return inTransaction(this.pool, async (client): Promise<Redeemed> => {
      const { rows } = await client.query<DeviceColumns>(
        `SELECT state, client, address, user_id, interval_seconds,
                (extract(epoch FROM signed_in_at) * 1000)::float8 AS proved_ms,
                coalesce(asked_at + make_interval(secs => interval_seconds * 0.9) > clock_timestamp(), false) AS too_early
           FROM device_codes WHERE device_sha256 = $1 AND expires_at > clock_timestamp() FOR UPDATE`,
        [deviceHash],
      );
      const [device] = rows;
      if (device === undefined) return { kind: "unknown" };
      if (device.state === "pending") {
        const interval = device.too_early
          ? Math.min(longestSeconds, device.interval_seconds + slowerBySeconds)
          : device.interval_seconds;
        await client.query(
          "UPDATE device_codes SET asked_at = clock_timestamp(), interval_seconds = $2 WHERE device_sha256 = $1",
          [deviceHash, interval],
        );
        return { kind: "pending", intervalMs: interval * 1000 };
      }
      await client.query("DELETE FROM device_codes WHERE device_sha256 = $1", [deviceHash]);
      if (device.state === "denied") return { kind: "denied" };
      const found = await client.query<UserColumns>(`SELECT ${userColumns} FROM users u WHERE u.id = $1 FOR SHARE`, [
        device.user_id,
      ]);
      const [user] = found.rows;
      if (user === undefined || user.disabled) return { kind: "denied" };
      const opened = await openSession(
        client,
        user,
        { ...session, kind: "cli", provedMs: device.proved_ms ?? 0, replaces: undefined },
        { by: "device", client: device.client, address: device.address },
      );
      return { kind: "opened", session: opened };
    });
  }
}
