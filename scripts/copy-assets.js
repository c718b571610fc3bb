// `node copy-assets.js src dist`: copies what the compiler leaves behind (.sql .json .mjs .py) beside its output.
import fs from "fs";
import path from "path";

const [from, to] = process.argv.slice(2);
if (!from || !to) {
  process.stderr.write("usage: node copy-assets.js FROM TO\n");
  process.exit(2);
}

function copy(folder) {
  for (const entry of fs.readdirSync(path.join(from, folder), { withFileTypes: true })) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) copy(place);
    else if (/\.(sql|json|mjs|py)$/.test(entry.name)) {
      fs.mkdirSync(path.join(to, folder), { recursive: true });
      fs.copyFileSync(path.join(from, place), path.join(to, place));
    }
  }
}
copy("");
