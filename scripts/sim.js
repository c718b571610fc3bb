// `npm run sim -- --seeds A..B`: prepares as `npm start` does (without the console), then simulates.
import path from "path";
import { handOver, prepare, root } from "./prepare.js";

process.chdir(root);
const node = prepare({ console: "no" });
const main = path.join(root, "test", "simulation", "main.ts");
handOver(node, ["--conditions=capstan-source", main].concat(process.argv.slice(2)), {});
