// Under which address people reach us. The port is known only once we listen, hence a function.
import type { CookieForm } from "./cookie.ts";
import type { Origins } from "./origin.ts";

export const SITE = Symbol("Site");

export interface Site {
  /** Origin without a slash at its end. */
  url(): string;
  readonly cookie: CookieForm;
  readonly origins: Origins;
}
