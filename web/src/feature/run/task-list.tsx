"use client";
import type { TaskRunView } from "@capstan/proto";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type KeyboardEvent } from "react";
import { cn } from "../../lib/cn.ts";
import { formatPlural } from "../../lib/format.ts";
import { Span } from "../../ui/clock.tsx";
import { StateMark } from "../../ui/state-mark.tsx";

const rowHeight = 40;

/** `hooks.onSuccess.0` reads as `onSuccess`, the second of them as `onSuccess 2`. */
export function taskTitle(task: TaskRunView): string {
  const hook = /^hooks\.(\w+)\.(\d+)$/.exec(task.task);
  if (hook === null) return task.task;
  return `${hook[1] ?? ""}${hook[2] === "0" ? "" : ` ${Number(hook[2]) + 1}`}`;
}

/** All task runs in the plan's order; one stop for Tab, arrows move, and only the visible rows are drawn. */
export function TaskList({
  tasks,
  selected,
  onSelect,
}: {
  readonly tasks: readonly TaskRunView[];
  readonly selected: string | undefined;
  readonly onSelect: (task: string) => void;
}) {
  const area = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => area.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  const place = tasks.findIndex((task) => task.task === selected);

  useEffect(() => {
    if (place >= 0) virtual.scrollToIndex(place, { align: "auto" });
  }, [place, virtual]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: 10,
      PageUp: -10,
      Home: -tasks.length,
      End: tasks.length,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = tasks[Math.min(tasks.length - 1, Math.max(0, place + step))];
    if (next !== undefined) onSelect(next.task);
  };

  return (
    <section
      aria-label="Tasks"
      className="flex min-h-0 flex-col self-start overflow-hidden rounded-lg border border-line bg-raised"
    >
      <h2 className="border-b border-line px-3 py-2 text-xs font-medium text-ink-soft">
        {formatPlural(tasks.length, "task")}
      </h2>
      {tasks.length === 0 ? <p className="px-3 py-4 text-ink-soft">This run has no tasks yet.</p> : null}
      <div
        ref={area}
        role="listbox"
        tabIndex={0}
        aria-label="Tasks of the run"
        aria-activedescendant={place < 0 ? undefined : `task-${place}`}
        onKeyDown={onKeyDown}
        className="max-h-72 overflow-y-auto -outline-offset-2 lg:max-h-[calc(100dvh-11rem)]"
      >
        <div role="presentation" className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const task = tasks[item.index];
            if (task === undefined) return null;
            return (
              <div
                key={item.key}
                id={`task-${item.index}`}
                role="option"
                aria-selected={item.index === place}
                aria-setsize={tasks.length}
                aria-posinset={item.index + 1}
                onClick={() => onSelect(task.task)}
                style={{ transform: `translateY(${item.start}px)`, height: rowHeight }}
                className={cn(
                  "absolute inset-x-0 flex items-center gap-2 border-l-2 border-transparent px-3 hover:bg-sunken",
                  item.index === place && "border-accent bg-accent-soft hover:bg-accent-soft",
                )}
              >
                <StateMark state={task.state} symbolOnly />
                <span className="min-w-0 flex-1 truncate" title={task.title ?? task.task}>
                  {taskTitle(task)}
                </span>
                {task.hook ? (
                  <span className="rounded border border-line-strong/60 px-1 text-[0.6875rem] text-ink-soft">hook</span>
                ) : null}
                {task.mapped === null ? null : (
                  <span className="text-xs text-ink-soft">
                    {task.mapped.succeeded} of {task.mapped.total}
                    {task.mapped.failed > 0 ? `, ${task.mapped.failed} failed` : ""}
                  </span>
                )}
                {task.attempts > 1 ? <span className="text-xs text-ink-soft">{task.attempts} attempts</span> : null}
                <span className="w-16 text-right text-xs text-ink-soft">
                  <Span from={task.startedAt} to={task.endedAt} />
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}
