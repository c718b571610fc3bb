// How an attempt or a task run can fail: the codes of a `Failure`, and what the agent says while it executes one.
import { errorEntries } from "./entry.ts";

export const runCodes = errorEntries({
  exit: {
    title: "the program ended with an exit code other than 0",
    retryable: true,
    meaning:
      "The task's program ran and said itself that it failed. Code 75 asks for another try, 77 for a skip, 126 and 127 mean that a command could not be executed or was not found.",
    do: "Read the last lines of the attempt's log. Write a reason to the file $CAPSTAN_ERROR to have it shown here.",
  },
  item_limit: {
    title: "a mapped task has too many items",
    retryable: false,
    meaning:
      "The list of a task with forEach or matrix has more than 10,000 items, or the task runs of its run would be more than 50,000.",
    do: "Give each index more to do: forEach over chunk(list, 100) makes a hundredth of the task runs.",
  },
  files_apart: {
    title: "the files of a task are kept in different places",
    retryable: false,
    meaning:
      "The task is given files that their data class keeps local, and they lie in the stores of different agents. None of them may leave its own, so there is no place where the task can run.",
    do: "Let the tasks that make them run on the same agent (`runsOn: { host: … }`), let those agents share one store, or write `files: central` for the class if the control plane may have them.",
  },
  declassify_rejected: {
    title: "a value may not leave its class",
    retryable: false,
    meaning:
      "The task has made an output that leaves its data class only after somebody agreed, and a person said no. The value stays with its agent.",
    do: "Ask the person who is named what has to be taken out of the value.",
  },
  exception: {
    title: "the task's code threw an exception",
    retryable: true,
    meaning:
      "A function called by a python or node action raised. Type, message and the last line within the code bundle are shown; the whole traceback is in the log.",
    do: "Look at the file and line that are named, and at the traceback in the attempt's log.",
  },
  signal: {
    title: "the program was ended by a signal",
    retryable: true,
    meaning:
      "A signal that was not ours ended the program: a crash (SIGSEGV, SIGABRT), somebody's kill, or the host that ran out of memory.",
    do: "Look for a crash in the log, and for the kernel's out-of-memory killer on the agent's host.",
  },
  marked_failed: {
    title: "a person marked it as failed",
    retryable: false,
    meaning: "Somebody ended the task run by hand. Who and why stand with it and in the audit trail.",
    do: "Ask the person who is named.",
  },
  http_status: {
    title: "the server answered with a status that was not expected",
    status: 502,
    retryable: true,
    meaning: "An http action or a notifier got an answer whose status is outside expect.status (default 200-299).",
    do: "Check the address and the credentials; widen expect.status if this answer is right.",
  },
  http_failed: {
    title: "the request got no answer",
    status: 502,
    retryable: true,
    meaning:
      "The name could not be resolved, the connection was refused, reset or timed out, or the server's certificate is not trusted.",
    do: "Check from the agent's host that the address can be reached; for an own certificate authority set ca.",
  },
  http_too_large: {
    title: "the answer is larger than maxBytes",
    retryable: false,
    meaning: "The server sent more bytes than the action allows (64 MiB unless maxBytes says otherwise).",
    do: "Raise maxBytes, or ask the server for less.",
  },
  sql_error: {
    title: "the database refused the statement or its result",
    retryable: true,
    meaning:
      "A sql action could not connect, the database answered with an error (its SQLSTATE is in the message), or the rows do not fit what result asks for. The transaction was rolled back, unless the message says that the connection broke.",
    do: "Read the database's own words in the message; check url, query and params, and for large results use result: file.",
  },
  notify_failed: {
    title: "a notification could not be delivered",
    status: 502,
    retryable: true,
    meaning: "The mail server or the messaging service refused the message or could not be reached.",
    do: "Read the service's own words in the message; check recipient, channel and credentials.",
  },
  timeout: {
    title: "the task's timeout passed",
    retryable: true,
    meaning: "The attempt ran longer than its timeout and was stopped: SIGTERM, then after grace SIGKILL.",
    do: "Raise timeout, or find in the log what took so long.",
  },
  queue_timeout: {
    title: "no agent took the task in time",
    retryable: false,
    meaning: "queueTimeout passed between queued and running.",
    do: "Ask `capstan explain` why no agent could take it; add an agent or slots, or raise queueTimeout.",
  },
  cancelled: {
    title: "the attempt was cancelled",
    retryable: false,
    meaning: "A person or the run asked the attempt to stop, and it did.",
    do: "Nothing; start the run again when it is wanted.",
  },
  oom: {
    title: "the task met its memory limit",
    retryable: true,
    meaning:
      "The cgroup or the container engine says that the limit of resources.memory was met and a process was killed.",
    do: "Raise resources.memory, or let the task read its input in pieces.",
  },
  output_missing: {
    title: "a declared output was not written",
    status: 422,
    retryable: false,
    meaning: "The program ended with 0 but did not give a value that the workflow declares in outputs.",
    do: "Write it to the file $CAPSTAN_OUTPUTS (or return it), or mark it optional.",
  },
  output_invalid: {
    title: "the outputs cannot be used",
    status: 422,
    retryable: false,
    meaning:
      "The outputs file is no JSON object and no list of key=value lines, a key occurs twice, a value has another type than declared, or a file that is named is not a regular file in $CAPSTAN_OUT_DIR.",
    do: "Compare what the task writes with the declared outputs; the message names the place.",
  },
  output_too_large: {
    title: "the outputs are larger than 256 KiB",
    status: 422,
    retryable: false,
    meaning: "Values that travel inline are limited, because each of them is stored with the run.",
    do: "Write large values to a file in $CAPSTAN_OUT_DIR and declare the output as type file.",
  },
  expression_failed: {
    title: "an expression failed when it was evaluated",
    retryable: false,
    meaning:
      "A key or index was missing, a number overflowed or was divided by zero, or the result has a type that cannot be used there.",
    do: "Look at the values that are shown with it; guard with `?` and orValue() where a value may be absent.",
  },
  expression_timeout: {
    title: "an expression took too long",
    retryable: false,
    meaning: "Evaluation is limited to 50 ms and 64 MiB.",
    do: "Do the work in a task instead of an expression.",
  },
  setup_failed: {
    title: "something failed before the task's own code ran",
    retryable: true,
    meaning:
      "The work folder, the code bundle, an input file, the interpreter or its environment could not be made ready. It is tried five times, on another agent first, and costs no try of the task.",
    do: "The message names what was missing on which agent.",
  },
  interpreter_missing: {
    title: "the interpreter is not on this host",
    retryable: true,
    meaning: "The agent found no python3, pwsh or bash to run the task with.",
    do: "Install it on the agent's host and restart the agent, or route the task with runsOn to an agent that has it.",
  },
  file_unavailable: {
    title: "a file of an earlier task could not be fetched",
    retryable: true,
    meaning: "The store does not have it any more, or its bytes do not have the SHA-256 under which it was stored.",
    do: "Run the task that made it again; if the digest was wrong, check the store's disk.",
  },
  secret_unavailable: {
    title: "a secret could not be resolved now",
    retryable: true,
    meaning:
      "The secret store is sealed, unreachable or in trouble; three tries within 30 seconds failed. Or the value is not there.",
    do: "Check the store named in the message from the agent's host.",
  },
  secret_denied: {
    title: "the secret store refuses this secret",
    status: 403,
    retryable: false,
    meaning: "The store answered that the identity of the task or agent may not read this path.",
    do: "Give the role read access to exactly this path, or correct the reference.",
  },
  policy_denied: {
    title: "a policy forbids it",
    status: 403,
    retryable: false,
    meaning:
      "With by: agent the policy of the agent's owner refuses: an alias, a name or a kind of work that is not allowed there. With by: project it is a rule of the project.",
    do: "Ask the owner of the agent or project to allow it, or change the workflow.",
  },
  lost: {
    title: "the attempt was lost",
    retryable: true,
    meaning:
      "Its lease ended without a renewal, its host restarted, or its agent was revoked. It was stopped before anybody else could have it.",
    do: "Look at the agent: connection, host, clock. A longer lease lets work outlive longer outages.",
  },
  runner_lost: {
    title: "the runner that carried the attempt died",
    retryable: true,
    meaning:
      "The process that carries attempts on the agent's host ended; the processes of its attempts were ended with it.",
    do: "Look in the agent's log and in the host's kernel log for the cause, most often memory.",
  },
  wait_timeout: {
    title: "what was waited for did not come in time",
    retryable: false,
    meaning:
      "The timeout of a wait for an event passed, and the task says onTimeout: fail; or poll.timeout passed before a poll found what the task looks for.",
    do: "Look whether the event was sent, with its exact type; raise the timeout, or write onTimeout: continue. Of a task with poll: read the log of its last attempt.",
  },
  poll_failed: {
    title: "too many polls in a row failed",
    retryable: false,
    meaning:
      "A task with poll asks every now and then. As many of its attempts as poll.maxErrors says (3 unless said) failed one after another; the last failure stands in the message.",
    do: "Read the log of the last attempt. Raise poll.maxErrors where what is asked is away for longer at times.",
  },
  approval_rejected: {
    title: "a person said no",
    retryable: false,
    meaning: "An approval was rejected, or its timeout passed without an answer.",
    do: "Read the comment with the task. To go on after a rejection write onReject: continue.",
  },
  child_failed: {
    title: "the run of another workflow ended badly",
    retryable: true,
    meaning:
      "A task started a run of another workflow, and that run failed, timed out, was cancelled or could not start.",
    do: "Open the child run that is named with the task. A retry starts a new one where retry.causes has child.",
  },
});
