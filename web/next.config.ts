import { fileURLToPath } from "node:url";
import type { NextConfig } from "next";

const repository = fileURLToPath(new URL("..", import.meta.url));

const config: NextConfig = {
  output: "standalone",
  // Traced from the repository's root, so that the standalone folder holds every file that it needs.
  outputFileTracingRoot: repository,
  turbopack: { root: repository },
  images: { unoptimized: true },
  poweredByHeader: false,
  reactStrictMode: true,
  // Next cannot ask TypeScript 7; the types are checked by `npm run check`, with the rest of the repository.
  typescript: { ignoreBuildErrors: true },
};

export default config;
