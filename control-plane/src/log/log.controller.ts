import { Readable } from "node:stream";
import { Controller, Inject } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { LogLine, LogWindow } from "@capstan/proto";
import { AuthService } from "../auth/auth.service.ts";
import { SITE, type Site } from "../auth/site.ts";
import { watchRights } from "../auth/stream-watch.ts";
import { Call, type CallOf } from "../http/call.ts";
import { makeCursor, readCursor } from "../http/cursor.ts";
import { Handles } from "../http/handle.ts";
import type { ProjectScope } from "../http/request-context.ts";
import { followLogs, readPosition } from "./log-follow.ts";
import type { ReadStream } from "./log-read.store.ts";
import { LogReader, streamView } from "./log-reader.ts";

interface Asked {
  readonly project: ProjectScope;
  readonly run: string;
  readonly task: string | undefined;
  readonly attempt: number | undefined;
  readonly fromLine: number | undefined;
  readonly cursor: string | undefined;
  readonly limit: number;
  readonly tail: number | undefined;
}

const linesDefault = 2000;

@Controller()
export class LogController {
  private readonly reader: LogReader;

  private readonly auth: AuthService;
  private readonly site: Site;

  constructor(@Inject(LogReader) reader: LogReader, @Inject(AuthService) auth: AuthService, @Inject(SITE) site: Site) {
    this.reader = reader;
    this.auth = auth;
    this.site = site;
  }

  @Handles("runLogs")
  async ofRun(@Call("runLogs") { project, params, query, request, reply }: CallOf<"runLogs">): Promise<void> {
    const { task, attempt, fromLine, cursor, limit, tail } = query;
    const asked = { project, run: params.run, task, attempt, fromLine, cursor, limit: limit ?? linesDefault, tail };
    await this.answer(asked, query.follow === true, request, reply);
  }

  @Handles("taskLogs")
  async ofTask(@Call("taskLogs") { project, params, query, request, reply }: CallOf<"taskLogs">): Promise<void> {
    const { attempt, fromLine, cursor, limit, tail } = query;
    const newest = attempt ?? (await this.newest(project, params.run, params.task));
    const asked = {
      project,
      run: params.run,
      task: params.task,
      attempt: newest,
      fromLine,
      cursor,
      limit: limit ?? linesDefault,
      tail,
    };
    // A follower of a task wants its later attempts too.
    await this.answer(query.follow === true ? { ...asked, attempt } : asked, query.follow === true, request, reply);
  }

  @Handles("rawLogs")
  async raw(@Call("rawLogs") { project, params, query, reply }: CallOf<"rawLogs">): Promise<void> {
    const run = await this.reader.run(project, params.run);
    const streams = await this.reader.streams(project, run, query.task, query.attempt);
    await reply
      .type("text/plain; charset=utf-8")
      .header("content-disposition", `attachment; filename="${run.name}.log"`)
      .send(Readable.from(this.reader.raw(project, streams)));
  }

  private async newest(project: ProjectScope, runRef: string, task: string): Promise<number | undefined> {
    const run = await this.reader.run(project, runRef);
    const streams = await this.reader.streams(project, run, task, undefined);
    // Of a mapped task all indexes are wanted, and each has attempts of its own.
    return streams.some((stream) => stream.task !== task) ? undefined : streams.at(-1)?.attempt;
  }

  private async answer(asked: Asked, follow: boolean, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (!follow) {
      await reply.send(await this.window(asked));
      return;
    }
    const { project, run, task, attempt } = asked;
    // An unknown run or task is a problem, not an empty stream.
    await this.reader.streams(project, await this.reader.run(project, run), task, attempt);
    const resumed = request.headers["last-event-id"];
    const told = readPosition(typeof resumed === "string" ? resumed : undefined);
    const watched = { request, project, route: "runLogs" } as const;
    await followLogs(this.reader, request, reply, {
      project,
      run,
      task,
      attempt,
      told,
      watchRights: (end) => watchRights(watched, { auth: this.auth, site: this.site }, end),
    });
  }

  private async window(asked: Asked): Promise<LogWindow> {
    const run = await this.reader.run(asked.project, asked.run);
    const streams = await this.reader.streams(asked.project, run, asked.task, asked.attempt);
    const views = streams.map(streamView);
    const filter = [run.runId, asked.task ?? null, asked.attempt ?? null];
    if (asked.tail !== undefined) {
      const data = await this.tail(asked.project, streams, asked.tail);
      return { run: run.name, data, nextLine: null, nextCursor: null, streams: views };
    }
    const [at, line] =
      asked.cursor === undefined ? [0, asked.fromLine ?? 0] : readCursor(filter, asked.cursor, 2).map(Number);
    const data: LogLine[] = [];
    let from = line ?? 0;
    for (let i = at ?? 0; i < streams.length; i++) {
      const stream = streams[i];
      if (stream === undefined) break;
      const lines = await this.reader.lines(asked.project, stream, from, asked.limit - data.length);
      data.push(...lines);
      from += lines.length;
      if (data.length >= asked.limit) {
        return {
          run: run.name,
          data,
          nextLine: from < stream.lines ? from : null,
          nextCursor: makeCursor(filter, [i, from]),
          streams: views,
        };
      }
      from = 0;
    }
    return { run: run.name, data, nextLine: null, nextCursor: null, streams: views };
  }

  private async tail(project: ProjectScope, streams: readonly ReadStream[], count: number): Promise<LogLine[]> {
    let left = count;
    const parts: LogLine[][] = [];
    for (const stream of streams.toReversed()) {
      if (left <= 0) break;
      const lines = await this.reader.lines(project, stream, Math.max(0, stream.lines - left), left);
      left -= lines.length;
      parts.unshift(lines);
    }
    return parts.flat();
  }
}
