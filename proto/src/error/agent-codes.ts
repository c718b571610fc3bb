// Codes born on an agent or between it and the control plane.
import { errorEntries } from "./entry.ts";

export const agentCodes = errorEntries({
  join_token_invalid: {
    title: "The join token is not valid",
    status: 401,
    retryable: false,
    meaning:
      "The token is unknown, spent, expired or mistyped. Which of these is not told, so that nobody can try tokens.",
    do: "Make a new one with `capstan pools token POOL` and give it to `capstan agent join` within its life.",
  },
  join_token_cidr: {
    title: "The join token may not be used from this address",
    status: 403,
    retryable: false,
    meaning: "The token was made for another range of addresses.",
    do: "Enrol from a host in that range, or make a token with another `--cidr`.",
  },
  agent_name_taken: {
    title: "An agent of that name exists",
    status: 409,
    retryable: false,
    meaning: "Names of agents are unique in a project.",
    do: "Choose another with `--name`, or revoke the old agent.",
  },
  protocol_unsupported: {
    title: "Agent and control plane speak no common protocol version",
    status: 426,
    retryable: false,
    meaning: "One of the two is more than two releases older than the other.",
    do: "Upgrade the older one.",
  },
  enrol_answer_invalid: {
    title: "The answer to the enrolment is not the control plane's",
    retryable: false,
    meaning:
      "The answer does not carry the proof that only the maker of the join token can give. Something between the two has changed it.",
    do: "Check the URL and any proxy that opens TLS, then enrol with a new token.",
  },
  enrol_failed: {
    title: "Enrolment failed",
    retryable: true,
    meaning: "The control plane refused the request or could not be reached.",
    do: "Check the URL and that the control plane runs, then try again.",
  },
  agent_not_enrolled: {
    title: "This data folder holds no agent identity",
    retryable: false,
    meaning: "`agent start` needs the identity that `agent join` writes.",
    do: "Run `capstan agent join URL` with a join token on standard input.",
  },
  agent_already_enrolled: {
    title: "This data folder already holds an agent identity",
    retryable: false,
    meaning: "An identity is made once per folder, so that work of an older agent is not orphaned.",
    do: "Start it with `agent start`, or choose another `--data` folder.",
  },
  agent_already_running: {
    title: "Another agent runs on this data folder",
    retryable: false,
    meaning: "The socket `agent.sock` in the folder is answered by a living process; it is the lock.",
    do: "Stop the other agent, or choose another data folder.",
  },
  agent_revoked: {
    title: "The agent was revoked",
    status: 403,
    retryable: false,
    meaning: "A person or a rule took the agent's registration away. Its tasks were killed and its keys deleted.",
    do: "Enrol it again with a new join token if that was a mistake.",
  },
  agent_config_invalid: {
    title: "A setting of the agent is wrong",
    retryable: false,
    meaning: "A variable of the environment or an option has a value that the agent cannot use.",
    do: "Correct the setting that the message names.",
  },
  assertion_invalid: {
    title: "The agent's proof of identity is not valid",
    status: 401,
    retryable: true,
    meaning: "The signed assertion is expired, replayed, for another address, or by a key that is not the agent's.",
    do: "The agent makes a new one by itself. If it persists, enrol it again.",
  },
  identity_conflict: {
    title: "Two hosts use the same agent identity",
    retryable: true,
    meaning: "Another host answers with the same key. Usually an image was copied with an identity inside.",
    do: "Enrol the second host on its own; approve it if the first one is gone.",
  },
  lease_over: {
    title: "The lease of the attempt ended",
    retryable: true,
    meaning: "The agent could not renew in time, so its runner stopped the task before another agent may have it.",
    do: "Look why agent and control plane could not talk. A longer `lease` outlasts longer outages.",
  },
  spec_unavailable: {
    title: "The workflow version could not be fetched",
    retryable: true,
    meaning: "The agent did not get the version or its code from the control plane, or what it got has another digest.",
    do: "Nothing: it is tried again. If it persists, deploy the workflow again.",
  },
  spawn_failed: {
    title: "The program could not be started",
    retryable: true,
    meaning: "The operating system refused to start the program: not found, not executable, or out of processes.",
    do: "Check that the program exists on the agent and may be executed.",
  },
});
