// The sign-in page: plain HTML of ours, because the console must not see a sign-in happen.
import { createHash } from "node:crypto";

// The fragment never reaches a server or a log; it is removed from the address before anything else happens.
const script = `
const message = document.getElementById("message");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const back = new URLSearchParams(location.search).get("return") ?? "/";
history.replaceState(null, "", "/login");
const target = new URL(back, location.origin);
const home = target.origin === location.origin && back.startsWith("/") ? target.pathname + target.search : "/";
if (token) {
  message.textContent = "Signing in …";
  fetch("/auth/exchange", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) })
    .then(async (answer) => {
      if (answer.ok) return location.replace(home);
      const problem = await answer.json().catch(() => undefined);
      message.textContent = problem?.detail ?? "Signing in did not work.";
    })
    .catch(() => { message.textContent = "The server does not answer. Is it still running?"; });
}
`;
const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 90vh; margin: 0; }
main { max-width: 30rem; padding: 2rem; }
h1 { font-size: 1.25rem; }
code { background: color-mix(in srgb, currentColor 10%, transparent); padding: 0.1em 0.35em; border-radius: 0.25em; }
`;

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

export const loginPage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in · Capstan</title><style>${style}</style></head>
<body><main><h1>Capstan</h1><p id="message" role="status">Run <code>capstan open</code> on this machine: it makes a link that signs you in once.</p></main>
<script>${script}</script></body>
</html>
`;

export const loginPagePolicy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
