// Shown while the console's process does not answer; it loads itself again until it does.
import { createHash } from "node:crypto";

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 90vh; margin: 0; }
main { max-width: 32rem; padding: 2rem; }
h1 { font-size: 1.25rem; }
small { opacity: 0.6; }
`;

export const unavailablePage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="2"><title>Console is starting · Capstan</title><style>${style}</style></head>
<body><main><h1>The console is starting</h1><p role="status">API, agents and CLI work already. This page loads again every two seconds.</p><small>console_unavailable</small></main></body>
</html>
`;

export const unavailablePolicy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
