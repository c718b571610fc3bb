// The session cookie, and that of a sign-in under way. `__Host-` demands Secure, which plain HTTP on loopback cannot give.
export interface CookieForm {
  readonly secure: boolean;
}

/** `capstan` is the session; `capstan-sign-in` lives for the minutes that a person spends at an identity provider. */
export type CookieName = "capstan" | "capstan-sign-in";

const fullName = (form: CookieForm, name: CookieName): string => (form.secure ? `__Host-${name}` : name);

/** The value of the cookie in a Cookie header, where there is exactly one. */
export function readCookie(
  header: string | undefined,
  form: CookieForm,
  name: CookieName = "capstan",
): string | undefined {
  if (header === undefined) return undefined;
  const prefix = `${fullName(form, name)}=`;
  const found = header
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part.startsWith(prefix));
  return found.length === 1 ? found[0]?.slice(prefix.length) : undefined;
}

export const setCookie = (
  value: string,
  maxAgeSeconds: number,
  form: CookieForm,
  name: CookieName = "capstan",
): string =>
  `${fullName(form, name)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${form.secure ? "; Secure" : ""}`;

export const clearCookie = (form: CookieForm, name: CookieName = "capstan"): string => setCookie("", 0, form, name);
