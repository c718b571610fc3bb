// `npm start`: everything a fresh clone needs, then `capstan dev` on the examples. Flags go after `--`.
import path from "path";
import { buildConsoleBeside, handOver, prepare, root } from "./prepare.js";

process.chdir(root);
const node = prepare({ console: "later" });
const build = buildConsoleBeside(node);
const wanted = process.argv.slice(2);
// The first word that is no flag would be the folder of workflows; without one it is the examples.
const folder = wanted.length > 0 && !wanted[0].startsWith("-") ? [] : ["examples"];
const cli = path.join(root, "cli", "bin", "capstan.js");
let failed = "";

const child = handOver(node, ["--disable-proto=throw", "--disable-sigusr1", cli, "dev"].concat(folder, wanted), {
  onExit: () => {
    if (build && build.pid && build.exitCode === null) {
      try {
        process.kill(-build.pid, "SIGKILL"); // it leads its own group, so the workers of the build end with it
      } catch (error) {
        if (error.code !== "ESRCH") throw error;
      }
    }
  },
});
if (build) {
  // Its words are kept until it ends, so that they do not run into the screen of `dev`.
  build.stderr.on("data", (chunk) => {
    failed += chunk;
  });
  build.on("exit", (code) => {
    if (code && child.exitCode === null) process.stderr.write(failed);
  });
}
