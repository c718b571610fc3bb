// The REST routes and the permissions that they ask for, from the route table.
import { commonErrors, permissions, routes } from "@capstan/proto";
import { code, heading, table } from "./page.js";

const idempotency = { safe: "reads", yes: "may be repeated", key: "takes an Idempotency-Key", no: "no" };

export function routesPage() {
  const all = Object.values(routes);
  const rows = all.map((route) => [
    code(`${route.method} ${route.path}`),
    route.summary,
    route.permission === "signed_in" ? "signed in" : route.permission === "none" ? "none" : code(route.permission),
    idempotency[route.idempotency],
    (route.errors ?? []).map((name) => `[\`${name}\`](errors.md#${name})`).join(" "),
  ]);
  const rights = Object.entries(permissions).map(([name, entry]) => [
    code(name),
    entry.meaning,
    entry.roles.join(", "),
    entry.reauth ? "yes" : "no",
    entry.audited ? "yes" : "no",
  ]);
  const lead =
    `${all.length} routes. Every one may also answer ${commonErrors.map((name) => `[\`${name}\`](errors.md#${name})`).join(" ")}; ` +
    "one with a body also [`body_too_large`](errors.md#body_too_large) and [`media_type_refused`](errors.md#media_type_refused); " +
    "one that takes a key also [`idempotency_key_reused`](errors.md#idempotency_key_reused). " +
    "The same table as OpenAPI 3.1, with all bodies: [openapi.json](openapi.json).";
  return [
    heading("Routes", lead),
    table(["route", "what it does", "permission", "idempotent", "own errors"], rows),
    `## Permissions\n\n${table(["permission", "allows to", "roles that have it", "fresh sign-in", "audited"], rights)}`,
  ].join("\n");
}
