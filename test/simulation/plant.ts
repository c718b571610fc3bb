// Plants one mutant into the sources as they are loaded. Nothing on disk changes.
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Mutant } from "./mutant.ts";
import { mutants } from "./mutants.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Call before anything of the product is imported. @returns a function that says whether the file was loaded */
export function plant(id: string): () => boolean {
  const mutant = mutants.find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`there is no mutant ${id}`);
  const wanted = pathToFileURL(root + mutant.file).href;
  let isPlanted = false;
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      if (url !== wanted) return loaded;
      isPlanted = true;
      return { ...loaded, source: planted(mutant, String(loaded.source)) };
    },
  });
  return () => isPlanted;
}

/** The source with the bug. @throws where the list is stale */
export function planted(mutant: Mutant, source: string): string {
  const count = source.split(mutant.find).length - 1;
  if (count !== 1) throw new Error(`mutant ${mutant.id}: its text occurs ${count} times in ${mutant.file}`);
  return source.replace(mutant.find, () => mutant.replace);
}
