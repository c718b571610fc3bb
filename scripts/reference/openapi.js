// The OpenAPI document that the control plane serves, from the same function.
import { readFileSync } from "node:fs";
import { openApiDocument } from "../../control-plane/src/http/openapi.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

export const openApi = () => openApiDocument(version);
