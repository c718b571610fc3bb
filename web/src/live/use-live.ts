"use client";
import type { LiveFrame } from "@capstan/proto";
import { useEffect, useRef, useState } from "react";
import { apiUrl } from "../api/client.ts";
import { openStream, type StreamState } from "./stream.ts";

export interface LiveBatch {
  readonly run: readonly LiveFrame[];
  readonly task: readonly LiveFrame[];
}

const gatherMs = 100;
const hiddenMaxMs = 5 * 60_000;

/**
 * One stream for the topics. Frames are gathered for 100 ms and handed on together; `onReset` says that the position
 * was too old and everything must be fetched again. A tab hidden for 5 minutes closes its stream and catches up on return.
 */
export function useLive(
  project: string,
  topics: string | undefined,
  onBatch: (batch: LiveBatch) => void,
  onReset: () => void,
): StreamState {
  const [state, setState] = useState<StreamState>("connecting");
  const handlers = useRef({ onBatch, onReset });
  useEffect(() => {
    handlers.current = { onBatch, onReset };
  });

  useEffect(() => {
    if (topics === undefined) return;
    let run: LiveFrame[] = [];
    let task: LiveFrame[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let hidden: ReturnType<typeof setTimeout> | undefined;
    const flush = (): void => {
      timer = undefined;
      const batch = { run, task };
      run = [];
      task = [];
      handlers.current.onBatch(batch);
    };
    const open = (): (() => void) =>
      openStream({
        url: apiUrl("eventStream", { params: { project }, query: { topics } }),
        onState: setState,
        onRefused: () => setState("paused"),
        onMessages: (messages) => {
          for (const message of messages) {
            if (message.event === "reset") handlers.current.onReset();
            // Frames are the control plane's own, typed by proto's live.ts.
            else if (message.event === "run") run.push(JSON.parse(message.text) as LiveFrame);
            else if (message.event === "task") task.push(JSON.parse(message.text) as LiveFrame);
          }
          timer ??= setTimeout(flush, gatherMs);
        },
      });
    let close: (() => void) | undefined = open();
    const onVisibility = (): void => {
      clearTimeout(hidden);
      if (document.visibilityState === "hidden") {
        hidden = setTimeout(() => {
          close?.();
          close = undefined;
        }, hiddenMaxMs);
      } else if (close === undefined) {
        close = open();
        handlers.current.onReset();
      }
    };
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      clearTimeout(timer);
      clearTimeout(hidden);
      close?.();
    };
  }, [project, topics]);
  return state;
}
