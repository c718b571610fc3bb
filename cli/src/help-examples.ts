// Examples of the commands whose use is one line: `--help` opens with them. Commands with more to show have theirs beside
// their flags; a group shows the first of each of its commands.
import type { Command } from "commander";

const lines: Readonly<Record<string, string>> = {
  "agents list": "agents list --pool onprem",
  "backfills list": "backfills list --workflow report",
  "backfills show": "backfills show bf_01k3… --failed",
  "backfills pause": "backfills pause bf_01k3… --reason 'the source is slow'",
  "backfills cancel": "backfills cancel bf_01k3… --reason 'wrong month'",
  "backfills resume": "backfills resume bf_01k3…",
  "backfills retry": "backfills retry bf_01k3…",
  "webhooks list": "webhooks list",
  "webhooks show": "webhooks show deploy.push",
  "webhooks test": "webhooks test deploy.push --body @push.json --header 'X-GitHub-Event: push'",
  "webhooks enable": "webhooks enable deploy.push",
  "webhooks disable": "webhooks disable deploy.push",
  "webhooks deliveries": "webhooks deliveries deploy.push --outcome failed",
  "webhooks replay": "webhooks replay dlv_01k3…",
  "triggers list": "triggers list",
  "triggers deliveries": "triggers deliveries report.after_load",
  "endpoints list": "endpoints list",
  "endpoints rotate": "endpoints rotate ep_01k3… > secret",
  "endpoints test": "endpoints test ep_01k3…",
  "endpoints deliveries": "endpoints deliveries ep_01k3…",
  "endpoints replay": "endpoints replay ep_01k3… msg_01k3…",
  "endpoints enable": "endpoints enable ep_01k3…",
  "endpoints delete": "endpoints delete ep_01k3…",
  "workflows list": "workflows list -o wide",
  "workflows pause": "workflows pause nightly --reason 'the source is being moved'",
  "workflows resume": "workflows resume nightly",
  "workflows versions": "workflows versions nightly",
  "limits list": "limits list",
  "limits show": "limits show db",
  "limits rm": "limits rm db",
  "projects list": "projects list",
  "projects create": "projects create finance",
  "users list": "users list",
  "users invite": "users invite ana",
  "users disable": "users disable ana",
  "users enable": "users enable ana",
  "members list": "members list",
  "members remove": "members remove ana",
  "roles list": "roles list",
  "tokens list": "tokens list --all",
  "tokens revoke": "tokens revoke tok_01k3…",
  "audit head": "audit head > witness",
  "vars list": "vars list",
  "vars unset": "vars unset region",
  "schedules list": "schedules list --workflow nightly",
  "schedules next": "schedules next nightly.morning --count 5 --timezone Asia/Tokyo",
  "schedules missed": "schedules missed nightly.morning",
  "schedules explain": "schedules explain nightly.morning",
  "schedules fire": "schedules fire nightly.morning",
  "schedules pause": "schedules pause nightly.morning --reason 'holidays'",
  "schedules resume": "schedules resume nightly.morning",
  open: "open @last",
  logout: "logout --server https://capstan.example.org",
  whoami: "whoami",
  "profile list": "profile list",
  "profile use": "profile use prod",
  "config show": "config show --origin",
  "config set": "config set project lake",
  "config path": "config path",
  doctor: "doctor",
  version: "version --check",
  completion: "completion bash > ~/.local/share/bash-completion/completions/capstan",
};

/** The examples that a command's help opens with, without their heading. */
export function examplesOf(command: Command): readonly string[] {
  let text = "";
  const before = command.configureOutput();
  command.configureOutput({ ...before, writeOut: (part) => void (text += part) });
  command.outputHelp();
  command.configureOutput(before);
  return text
    .split("\n")
    .filter((line) => line.startsWith("  capstan "))
    .map((line) => line.trim());
}

const heading = (examples: readonly string[]): string =>
  `Examples:\n${examples.map((line) => `  ${line}`).join("\n")}\n`;

/** Adds examples to all commands below `program` that have none of their own. */
export function addExamples(program: Command, path: readonly string[] = []): void {
  for (const command of program.commands) {
    const names = [...path, command.name()];
    addExamples(command, names);
    const line = lines[names.join(" ")];
    if (line !== undefined) command.addHelpText("before", heading([`capstan ${line}`]));
    else if (command.commands.length > 0 && examplesOf(command).length === 0)
      command.addHelpText(
        "before",
        heading(command.commands.flatMap((inner) => examplesOf(inner).slice(0, 1)).slice(0, 3)),
      );
  }
}
