// The session cookie. `__Host-` demands Secure, which plain HTTP on loopback cannot give.
export interface CookieForm {
  readonly secure: boolean;
}

const nameOf = (form: CookieForm): string => (form.secure ? "__Host-capstan" : "capstan");

/** The session token of a Cookie header, where there is exactly one. */
export function readCookie(header: string | undefined, form: CookieForm): string | undefined {
  if (header === undefined) return undefined;
  const prefix = `${nameOf(form)}=`;
  const found = header
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part.startsWith(prefix));
  return found.length === 1 ? found[0]?.slice(prefix.length) : undefined;
}

export const setCookie = (token: string, maxAgeSeconds: number, form: CookieForm): string =>
  `${nameOf(form)}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${form.secure ? "; Secure" : ""}`;

export const clearCookie = (form: CookieForm): string => setCookie("", 0, form);
