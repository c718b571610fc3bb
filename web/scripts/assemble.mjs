// Next leaves the static files beside the standalone folder; a packed console needs them inside. It also puts in the
// programs that scale images, which the console never asks for and which would bind the package to one platform.
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";

/** @param {string} web the folder of this package, after `next build` */
export function assemble(web) {
  const server = join(web, ".next", "standalone", "web");
  if (!existsSync(join(server, "server.js"))) throw new Error(`next build left no server.js in ${server}`);
  const target = join(server, ".next", "static");
  rmSync(target, { recursive: true, force: true });
  cpSync(join(web, ".next", "static"), target, { recursive: true });
  for (const name of ["sharp", "@img"]) {
    rmSync(join(web, ".next", "standalone", "node_modules", name), { recursive: true, force: true });
  }
}
