// The one importer of @bomb.sh/tab: a young library, so its use stays in this file.
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";

/** Adds `completion bash|zsh|fish|powershell`, and the hidden command that the shells ask. */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: "completion" });
}
