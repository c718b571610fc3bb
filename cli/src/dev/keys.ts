// Keys of `capstan dev` on a terminal.
import { spawn } from "node:child_process";

export interface KeyActions {
  readonly open: () => Promise<void>;
  readonly run: (workflow: string) => Promise<void>;
  readonly logs: () => Promise<void>;
  readonly quit: () => void;
  readonly workflows: () => readonly string[];
  readonly say: (line: string) => void;
}

export const keyHelp = "o open the console   r run a workflow   l logs of the last run   ? keys   q quit";

/** Opens an address with the system's own opener. False where there is none. */
export function openAddress(address: string): Promise<boolean> {
  const command = process.platform === "darwin" ? "open" : "xdg-open";
  return new Promise((done) => {
    const child = spawn(command, [address], { stdio: "ignore", detached: true });
    child.once("error", () => done(false));
    child.once("spawn", () => {
      child.unref();
      done(true);
    });
  });
}

/** Listens to keys until the returned function is called. */
export function listenToKeys(stdin: NodeJS.ReadStream, actions: KeyActions): () => void {
  let isChoosing = false;
  const act = (work: Promise<void>): void =>
    void work.catch((error: unknown) => actions.say(`  ✗ ${error instanceof Error ? error.message : String(error)}`));
  const choose = (): void => {
    const names = actions.workflows().slice(0, 9);
    const [only] = names;
    if (only === undefined) return actions.say("  no workflow is deployed");
    if (names.length === 1) return act(actions.run(only));
    isChoosing = true;
    actions.say(`  run which?  ${names.map((name, i) => `${i + 1} ${name}`).join("   ")}`);
  };
  const onKey = (key: string): void => {
    if (isChoosing) {
      isChoosing = false;
      const chosen = actions.workflows()[Number(key) - 1];
      if (chosen !== undefined) return act(actions.run(chosen));
    }
    if (key === "q" || key === "\u0003" || key === "\u0004") actions.quit();
    else if (key === "o") act(actions.open());
    else if (key === "r") choose();
    else if (key === "l") act(actions.logs());
    else if (key === "?") actions.say(`  ${keyHelp}`);
  };
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.on("data", onKey);
  stdin.resume();
  return () => {
    stdin.off("data", onKey);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
