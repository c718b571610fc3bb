// The OpenAPI document that the control plane serves, from the same function.
import { openApiDocument } from "@capstan/proto";

export const openApi = () => openApiDocument();
