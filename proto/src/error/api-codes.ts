// Codes of the REST API and of the control plane's own start.
import { errorEntries } from "./entry.ts";

export const apiCodes = errorEntries({
  malformed: {
    title: "The request cannot be read",
    status: 400,
    retryable: false,
    meaning: "The body is not JSON, a field has another type or is not known, or a parameter does not have its form.",
    do: "Correct the fields that `errors` names; unknown fields are refused so that a typing error is not ignored.",
  },
  head_too_large: {
    title: "Address and headers are too large",
    status: 431,
    retryable: false,
    meaning: "The address with its query and all headers together may have 16 KiB.",
    do: "Send less of them; what is large belongs into the body.",
  },
  cursor_invalid: {
    title: "The cursor does not belong to this list",
    status: 400,
    retryable: false,
    meaning: "A cursor is bound to the route and the filters that it was made for.",
    do: "Begin again without `cursor`, or repeat the filters of the first page.",
  },
  filter_invalid: {
    title: "A filter cannot be applied",
    status: 400,
    retryable: false,
    meaning: "A filter has a value that this list does not know.",
    do: "Correct the filter that the message names.",
  },
  unauthenticated: {
    title: "You are not signed in",
    status: 401,
    retryable: false,
    meaning: "The request carries no credential, or one that is not known, mistyped or revoked.",
    do: "Sign in: run `capstan open`, or give the token in the header `Authorization: Bearer …`.",
  },
  signature_invalid: {
    title: "The delivery could not be verified",
    status: 401,
    retryable: false,
    meaning:
      "The signature, the token, the address or the time of a webhook's delivery is not right, or the webhook has no secret yet. It is recorded, and makes no run.",
    do: "Give the sender the secret of `capstan webhooks rotate`; `capstan webhooks deliveries` says what was wrong.",
  },
  token_expired: {
    title: "The sign-in or link has ended",
    status: 401,
    retryable: false,
    meaning:
      "A sign-in link works once and for 15 minutes; a session ends 12 hours after its last use, or after 7 days; that of a command line after 30 days, and its code after 10 minutes.",
    do: "Run `capstan open` for a new link, or `capstan login`.",
  },
  forbidden: {
    title: "You may not do this",
    status: 403,
    retryable: false,
    meaning: "Your role in the project does not have the permission that the message names.",
    do: "Ask an administrator of the project for a role that has it.",
  },
  origin_refused: {
    title: "The request came from another site",
    status: 403,
    retryable: false,
    meaning: "A change that is made with the session cookie must come from Capstan's own pages.",
    do: "Open Capstan under its public address. Programs use an API token instead of the cookie.",
  },
  reauth_required: {
    title: "Sign in again for this",
    status: 403,
    retryable: false,
    meaning:
      "Deploying, enrolling, members, tokens and users need a sign-in of the last five minutes in a browser, of the last twelve hours on a command line.",
    do: "Sign in again at /login?fresh=1, or with `capstan login`, and repeat; API tokens need none.",
  },
  not_found: {
    title: "There is no such thing here",
    status: 404,
    retryable: false,
    meaning: "It does not exist, was removed, or is not yours to see.",
    do: "Check the name and the project. `capstan runs list` and `capstan status` show what there is.",
  },
  method_not_allowed: {
    title: "This path does not take that method",
    status: 405,
    retryable: false,
    meaning: "The path exists, with other methods. What is not the API's is read with GET and HEAD only.",
    do: "See /api/v1/openapi.json for the methods of the path.",
  },
  state_conflict: {
    title: "It is in a state that does not allow this",
    status: 409,
    retryable: false,
    meaning: "The run, task or agent has moved on; the answer names its state.",
    do: "Look at it again, then decide.",
  },
  in_use: {
    title: "Something still uses it",
    status: 409,
    retryable: false,
    meaning: "It cannot be removed while others name or hold it; the answer lists who does.",
    do: "Change or remove what uses it first.",
  },
  precondition_required: {
    title: "Say which edition you saw",
    status: 428,
    retryable: false,
    meaning:
      "Whoever changes or removes this shows the ETag of what they saw, so that nobody undoes the change of somebody else unseen.",
    do: "Read it with GET, and send the ETag of that answer as If-Match; `If-Match: *` changes whatever is there.",
  },
  precondition_failed: {
    title: "It was changed meanwhile",
    status: 412,
    retryable: false,
    meaning:
      "The ETag in If-Match is not the one of now: somebody changed or removed it, or made it where it was to be new. Nothing was changed; the answer has the ETag of now.",
    do: "Read it again, decide whether your change still holds, and send it with the new ETag.",
  },
  not_reusable: {
    title: "Something that the retry would re-use cannot be re-used",
    status: 422,
    retryable: false,
    meaning:
      "A retry from one task re-uses everything that does not come after it. A task did not succeed, is another one in the version that was asked for, reads other inputs, or a file that it made is gone. The answer lists them.",
    do: "Retry without --from, which runs anew what cannot be re-used, or with --all.",
  },
  body_too_large: {
    title: "The body is too large",
    status: 413,
    retryable: false,
    meaning: "Requests may have 1 MiB, code bundles 50 MiB.",
    do: "Send less: large values travel as files, code as a bundle; `code.exclude` keeps folders out of a bundle.",
  },
  media_type_refused: {
    title: "The body is not of a type that this path takes",
    status: 415,
    retryable: false,
    meaning: "The API takes `application/json`; bundles are `application/octet-stream`.",
    do: "Set the header Content-Type.",
  },
  host_refused: {
    title: "The request names another host",
    status: 421,
    retryable: false,
    meaning:
      "The Host header is neither loopback nor the host of CAPSTAN_PUBLIC_URL. A page elsewhere may have led a browser here.",
    do: "Use the public address, or set CAPSTAN_PUBLIC_URL to the address that you use.",
  },
  idempotency_key_reused: {
    title: "The key was used for another request",
    status: 422,
    retryable: false,
    meaning: "An Idempotency-Key names one request for 24 hours; this one came with another path or body.",
    do: "Use a new key for a new request.",
  },
  spec_invalid: {
    title: "The workflow file has problems",
    status: 422,
    retryable: false,
    meaning: "At least one file cannot be deployed; nothing was changed. Each problem has its file, line and code.",
    do: "Correct the places that `errors` names. `capstan validate` checks without deploying.",
  },
  not_overridable: {
    title: "The workflow does not let a run change this",
    status: 422,
    retryable: false,
    meaning:
      "A request for a run may change what its version lists under `overridable`, by values. It names another place, or gives an expression.",
    do: "See what the version lists, or deploy a version that lists the place.",
  },
  inputs_invalid: {
    title: "The inputs do not match the workflow",
    status: 422,
    retryable: false,
    meaning: "An input is missing, unknown, or does not have its declared type or range.",
    do: "Correct the inputs that are named; the workflow file declares them under `inputs`.",
  },
  bundle_missing: {
    title: "The code bundle was not uploaded",
    status: 422,
    retryable: false,
    meaning: "A workflow file names a bundle by its hash, and no bundle with that hash is stored in the project.",
    do: "Upload it first with PUT …/bundles/{sha256}; `capstan deploy` does so.",
  },
  hash_mismatch: {
    title: "The bytes do not have the hash that the path names",
    status: 422,
    retryable: true,
    meaning: "The body was changed or cut on its way, or the hash belongs to another file.",
    do: "Hash the file again and repeat the upload.",
  },
  rate_limited: {
    title: "Too many requests",
    status: 429,
    retryable: true,
    meaning: "The limit of this caller is used up for the moment.",
    do: "Repeat after the time in Retry-After.",
  },
  limit_reached: {
    title: "As many runs go on as may",
    status: 409,
    retryable: true,
    meaning: "The workflow says `concurrency` with `onLimit: skip`, and runs with an equal key hold all of its limit.",
    do: "Wait until one of the runs that are named has ended, or cancel it.",
  },
  count_changed: {
    title: "Another number of runs fits by now",
    status: 409,
    retryable: false,
    meaning:
      "The request names how many runs it expects to change, and since then runs have begun or ended. Nothing was done.",
    do: "Ask again with dryRun, look at the number, and send it as expectCount.",
  },
  limit_exceeded: {
    title: "It is more than what may be asked for at once",
    status: 422,
    retryable: false,
    meaning: "One request changes at most 10,000 runs, and a backfill makes at most 100,000.",
    do: "Ask for less: a shorter time, fewer workflows or values.",
  },
  queue_full: {
    title: "Too much waits already",
    status: 429,
    retryable: true,
    meaning:
      "As many task runs of the project wait for an agent as may, or as many runs of the workflow's `concurrency` group as its `maxQueued` says; another run would only wait behind them.",
    do: "Look with `capstan explain` why they wait. Add agents or slots, raise the limit, or cancel runs that nobody needs.",
  },
  internal: {
    title: "The control plane could not do this",
    status: 500,
    retryable: false,
    meaning:
      "A fault of Capstan's own. The request changed nothing that it did not report; the log has the stack under the reference.",
    do: "Look for the reference in the control plane's log, and report it.",
  },
  console_unavailable: {
    title: "The console does not answer",
    status: 502,
    retryable: true,
    meaning: "The process that draws the pages is starting or has ended. API, agents and CLI go on without it.",
    do: "Wait a moment; if it stays so, look at the console's log.",
  },
  unavailable: {
    title: "The control plane cannot work at the moment",
    status: 503,
    retryable: true,
    meaning:
      "The database is starting, away or overloaded, or this process is shutting down. Nothing is lost; runs go on where they were.",
    do: "Repeat after the time in Retry-After. If it stays so, look whether PostgreSQL runs.",
  },
  config_unknown: {
    title: "A setting is not known",
    retryable: false,
    meaning:
      "An environment variable begins with CAPSTAN_ and is no setting. A typing error would otherwise be ignored.",
    do: "Correct or remove it; the message names the nearest one.",
  },
  config_invalid: {
    title: "A setting has a value that cannot be used",
    retryable: false,
    meaning: "A setting does not have its form, contradicts another, or weakens what must not be weakened.",
    do: "Correct the variable that the message names.",
  },
  config_missing: {
    title: "A setting is missing",
    retryable: false,
    meaning: "The control plane cannot start without it and has no safe default.",
    do: "Set the variable that the message names.",
  },
  keys_unusable: {
    title: "The folder of keys cannot be used",
    retryable: false,
    meaning: "CAPSTAN_KEYS_DIR cannot be read or written, others may read it, or a key in it is empty or damaged.",
    do: "Give the folder mode 0700 and the files 0600, owned by the user that runs the control plane.",
  },
  isolation_broken: {
    title: "The database does not keep projects apart",
    retryable: false,
    meaning:
      "A role of the running product is a superuser, owns a table or may bypass row-level security, or a table of a project has none. Somebody changed it by hand.",
    do: "Take the right away that the message names (ALTER ROLE … NOSUPERUSER NOBYPASSRLS) and start again.",
  },
  address_in_use: {
    title: "The address is taken",
    retryable: true,
    meaning: "Another process listens on the host and port of CAPSTAN_HTTP__HOST and CAPSTAN_HTTP__PORT.",
    do: "Stop it, or choose another port.",
  },
  route_undeclared: {
    title: "A handler has no entry in the route table",
    retryable: false,
    meaning: "Every handler declares its route, and with it its permission; the process does not start without.",
    do: "Add the route to the route table, or remove the handler.",
  },
});
