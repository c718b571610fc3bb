// Addresses of the console's pages. The project `default` is left out of them.
const under = (project: string): string => (project === "default" ? "" : `/p/${encodeURIComponent(project)}`);

export const runsPath = (project: string): string => `${under(project)}/runs`;
export const runPath = (project: string, run: string): string => `${under(project)}/runs/${encodeURIComponent(run)}`;
/** Sign-in is a page of the control plane; it leads back to this path. */
export const loginPath = (back: string): string => `/login?return=${encodeURIComponent(back)}`;
/** The same, for somebody who is signed in and must prove it again. */
export const freshLoginPath = (back: string): string => `${loginPath(back)}&fresh=1`;
