// Codes of signing in: by password and by OpenID Connect.
import { errorEntries } from "./entry.ts";

export const signInCodes = errorEntries({
  sign_in_refused: {
    title: "Signing in did not work",
    status: 401,
    retryable: false,
    meaning:
      "The name or the password is wrong, the user is disabled, or the identity provider did not vouch for you. Which of the first three it is, is not told.",
    do: "Try again. A system administrator makes a new invitation with `capstan users invite NAME`.",
  },
  sign_in_flow_unknown: {
    title: "This sign-in was not begun here",
    status: 401,
    retryable: false,
    meaning:
      "An answer of the identity provider belongs to one sign-in of one browser, works once, and within 10 minutes.",
    do: "Begin again at /login.",
  },
  oidc_unavailable: {
    title: "The identity provider cannot be used now",
    status: 502,
    retryable: true,
    meaning: "It does not answer, or not in the form of OpenID Connect, or not as the configured issuer.",
    do: "Try again. If it stays so, compare CAPSTAN_OIDC__ISSUER with the `issuer` of the provider's discovery document.",
  },
  egress_denied: {
    title: "The control plane does not connect to this address",
    status: 422,
    retryable: false,
    meaning:
      "Addresses of the machine itself, of private networks and of clouds' metadata are refused, and ports other than 80, 443 and 8443.",
    do: "Use a public address, or let an operator add the host to CAPSTAN_EGRESS__ALLOW.",
  },
  password_weak: {
    title: "The password is too short or too easy",
    status: 422,
    retryable: false,
    meaning: "A password has 12 to 256 characters, is not one letter repeated, and does not contain your name.",
    do: "Choose a longer one; four words by chance are good.",
  },
});
