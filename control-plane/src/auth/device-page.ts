// The page on which a person lets a command line in: plain HTML of ours, like the sign-in page.
import { framed, html, policyOf } from "./page-frame.ts";

const script = `
const $ = (id) => document.getElementById(id);
const tell = (text) => { $("error").textContent = text; $("error").hidden = text === ""; };
const here = (code) => "/auth/device?code=" + encodeURIComponent(code);
$("type")?.addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(here(new FormData(event.target).get("code")));
});
async function decide(decision) {
  const code = $("decide").dataset.code;
  const buttons = [...document.querySelectorAll("#decide button")];
  for (const button of buttons) button.disabled = true;
  tell("");
  try {
    const answer = await fetch("/auth/device/decision", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ userCode: code, decision }) });
    if (answer.ok) {
      $("title").textContent = decision === "approve" ? "Signed in" : "Refused";
      $("decide").hidden = true;
      $("done").hidden = false;
      $("done").textContent = decision === "approve" ? "The command line is signed in as you. You can close this page." : "Nothing was signed in. You can close this page.";
      $("done").focus();
      return;
    }
    const problem = await answer.json().catch(() => undefined);
    if (problem?.code === "reauth_required") return location.assign("/login?fresh=1&return=" + encodeURIComponent(here(code)));
    if (problem?.code === "unauthenticated") return location.assign("/login?return=" + encodeURIComponent(here(code)));
    tell(problem?.detail ?? "That did not work.");
  } catch {
    tell("The server does not answer. Is it still running?");
  }
  for (const button of buttons) button.disabled = false;
}
$("approve")?.addEventListener("click", () => void decide("approve"));
$("deny")?.addEventListener("click", () => void decide("deny"));
`;

export interface DevicePage {
  /** Who is signed in, and will be on the command line. */
  readonly user: string;
  /** What waits under the code; undefined: no code was given, or nothing waits under it. */
  readonly device:
    | { readonly userCode: string; readonly client: string; readonly address: string; readonly createdMs: number }
    | undefined;
  /** A code was given. */
  readonly isAsked: boolean;
}

/** The page, for somebody who is signed in. */
export function devicePage({ user, device, isAsked }: DevicePage): string {
  const problem =
    isAsked && device === undefined ? "No command line waits under this code. Codes end after ten minutes." : "";
  const body = `<h1 id="title">${device === undefined ? "Sign in a command line" : "Is this you?"}</h1>
<p class="bad" id="error" role="alert"${problem === "" ? " hidden" : ""}>${problem}</p>
<p id="done" role="status" tabindex="-1" hidden></p>
${device === undefined ? typeForm : decision(user, device)}`;
  const footer =
    "Confirm a code only if you have just run <code>capstan login</code> yourself. Somebody who sends you one wants to act as you.";
  return framed({ title: "Sign in a command line", body, footer, script });
}

const typeForm = `<form id="type">
<label>Code that the command line shows<input name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="32" placeholder="BCDF-GHJK" autofocus></label>
<button class="strong">Go on</button>
</form>`;

const decision = (user: string, device: NonNullable<DevicePage["device"]>): string =>
  `<form id="decide" data-code="${html(device.userCode)}">
<p class="code">${html(device.userCode)}</p>
<dl><dt>Program</dt><dd>${html(device.client)}</dd><dt>From</dt><dd>${html(device.address)}</dd><dt>Asked</dt><dd>${html(new Date(device.createdMs).toISOString().slice(0, 19).replace("T", " "))} UTC</dd><dt>Acts as</dt><dd>${html(user)}</dd></dl>
<p class="soft">Compare the code with the one on your terminal.</p>
<button type="button" class="strong" id="approve">Let it in</button>
<button type="button" id="deny">Refuse</button>
</form>`;

export const devicePagePolicy = policyOf(script);
