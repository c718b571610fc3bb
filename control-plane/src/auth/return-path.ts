// Where a person is led after a sign-in: a path of ours or the start page, never another site.

const base = "http://capstan.invalid";

/** The path of a return address, normalised; `/` for anything that a browser might take for another site. */
export function returnPath(text: string | undefined): string {
  // Browsers drop tabs and line ends within addresses and read a backslash as a slash.
  if (text === undefined || text.length > 2048 || !/^\/[^\\\p{Cc}]*$/u.test(text) || !URL.canParse(text, base))
    return "/";
  const url = new URL(text, base);
  const path = url.pathname + url.search + url.hash;
  // `/.//elsewhere` is normalised to `//elsewhere`, which names another host.
  return url.origin === base && !path.startsWith("//") ? path : "/";
}
