// The program of a `node` action in a process of its own. Usage: node node-bootstrap.js <module URL> <export>.
import { runTask, tellThrown } from "./node-task.ts";

const [target = "", exported = "default"] = process.argv.slice(2);

const end = (thrown: unknown): never => process.exit(tellThrown(thrown, target));

process.on("uncaughtException", end);
runTask(target, exported).catch(end);
