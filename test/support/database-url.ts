/** The database that every test file's own is cloned from. */
export const templateName = "capstan_test_template";

/** The same server and user, another database. Works for URLs with a socket folder (`?host=/path`) too. */
export function databaseUrl(url: string, database: string): string {
  const match = /^(postgres(?:ql)?:\/\/[^/?]*)(?:\/[^?]*)?(\?.*)?$/.exec(url);
  if (!match) throw new Error("not a PostgreSQL URL");
  return `${match[1]}/${database}${match[2] ?? ""}`;
}
