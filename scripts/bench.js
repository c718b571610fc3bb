// `npm run bench -- SCENARIO [flags]`: prepares as `npm start` does (without the console), then measures.
import path from "path";
import { handOver, prepare, root } from "./prepare.js";

process.chdir(root);
const node = prepare({ console: "no" });
const main = path.join(root, "test", "bench", "main.ts");
handOver(node, ["--conditions=capstan-source", main].concat(process.argv.slice(2)), {});
