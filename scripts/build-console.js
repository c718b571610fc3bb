// Builds the console in a process of its own, started by `npm start` beside the product.
import { buildConsoleHere } from "./prepare.js";

buildConsoleHere();
