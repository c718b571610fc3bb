// The sign-in page: plain HTML of ours, because the console must not see a sign-in happen.
import { errorEntry } from "@capstan/proto";
import { framed, html, policyOf } from "./page-frame.ts";

// The fragment never reaches a server or a log; it is removed from the address before anything else happens.
const script = `
const $ = (id) => document.getElementById(id);
const secret = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname + location.search);
const home = location.origin + document.querySelector("main [data-home]").dataset.home;
const show = (id, shown) => { const part = $(id); if (part) part.hidden = !shown; };
const tell = (text) => { $("error").textContent = text; show("error", text !== ""); };
async function send(path, body, button) {
  if (button) button.disabled = true;
  tell("");
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (answer.ok) return location.replace(home);
    const problem = await answer.json().catch(() => undefined);
    tell(problem?.detail ?? "Signing in did not work.");
  } catch {
    tell("The server does not answer. Is it still running?");
  }
  if (button) button.disabled = false;
}
const onSubmit = (id, handle) => $(id)?.addEventListener("submit", (event) => {
  event.preventDefault();
  void handle(new FormData(event.target), event.target.querySelector("button"));
});
onSubmit("password", async (form, button) => {
  await send("/auth/password", { name: form.get("name").trim(), password: form.get("password") }, button);
  const field = document.querySelector("#password [name=password]");
  if (field) { field.value = ""; field.focus(); }
});
if (secret.has("invitation")) {
  show("ways", false);
  show("invitation", true);
  $("title").textContent = "Choose your password";
  $("invited").value = secret.get("name") ?? "";
}
onSubmit("invitation", (form, button) => {
  if (form.get("password") !== form.get("again")) return tell("The two passwords are not the same.");
  return send("/auth/invitation", { token: secret.get("invitation"), password: form.get("password") }, button);
});
if (secret.has("token")) {
  show("ways", false);
  $("title").textContent = "Signing in …";
  void send("/auth/exchange", { token: secret.get("token") }).then(() => { show("ways", true); $("title").textContent = "Sign in"; });
}
`;

export interface LoginPage {
  /** A path of ours, checked. */
  readonly home: string;
  /** Asks somebody who is signed in to prove it again. */
  readonly fresh: boolean;
  /** Of the button of the identity provider; undefined: there is none. */
  readonly oidcLabel: string | undefined;
  /** Users of this installation may have a password. */
  readonly passwords: boolean;
  /** Who is signed in. */
  readonly name: string | undefined;
  /** A code of the catalogue: why the last try did not work. */
  readonly error: string | undefined;
}

/** The page, for anybody. */
export function loginPage(page: LoginPage): string {
  const entry = page.error === undefined ? undefined : errorEntry(page.error);
  const problem = page.error === undefined ? "" : `${entry?.title ?? "Signing in did not work"}. ${entry?.do ?? ""}`;
  const oidc = `/auth/oidc/start?${new URLSearchParams({ return: page.home, ...(page.fresh ? { fresh: "1" } : {}) }).toString()}`;
  const ways = [
    ...(page.fresh ? ['<p class="soft">What you are about to do needs a sign-in of the last five minutes.</p>'] : []),
    ...(page.oidcLabel === undefined
      ? []
      : [`<a class="button strong" href="${html(oidc)}">${html(page.oidcLabel)}</a>`]),
    ...(page.oidcLabel === undefined || !page.passwords ? [] : ['<p class="or">or</p>']),
    ...(page.passwords ? [passwordForm(page.name, page.oidcLabel === undefined)] : []),
  ];
  const body = `<h1 id="title">${page.fresh ? "Sign in again" : "Sign in"}</h1>
<p class="bad" id="error" role="alert"${problem === "" ? " hidden" : ""}>${html(problem).replaceAll(/`([^`]+)`/g, "<code>$1</code>")}</p>
<div class="card" id="ways" data-home="${html(page.home)}">${ways.join("\n")}</div>
${page.passwords ? invitationForm : ""}`;
  const footer = "On the machine that runs Capstan, <code>capstan open</code> makes a link that signs you in once.";
  return framed({ title: "Sign in", body, footer, script });
}

const passwordForm = (name: string | undefined, only: boolean): string => `<form id="password">
<label>Name<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="128" value="${html(name ?? "")}"${name === undefined && only ? " autofocus" : ""}></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required maxlength="256"${name === undefined ? "" : " autofocus"}></label>
<button class="${only ? "strong" : ""}">Sign in</button>
</form>`;

const invitationForm = `<form id="invitation" hidden>
<label>Name<input id="invited" name="name" autocomplete="username" readonly></label>
<label>Password<input name="password" type="password" autocomplete="new-password" required minlength="12" maxlength="256"></label>
<label>The same again<input name="again" type="password" autocomplete="new-password" required maxlength="256"></label>
<p class="soft">At least 12 characters. Four words by chance are good.</p>
<button class="strong">Set password and sign in</button>
</form>`;

export const loginPagePolicy = policyOf(script);
