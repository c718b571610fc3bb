// A real OpenID provider in this process, at which the person named last signs in without a form; and a browser for it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Provider, { type ProviderContext } from "oidc-provider";

export interface Person {
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Lets a client whose answers go to this address sign people in; call it once. */
  serve(redirectUri: string): void;
  /** Whoever comes to the form from now on. */
  person: Person;
  /** How often somebody was asked who they are. */
  asked: number;
  close(): void;
}

export async function identityProvider(): Promise<IdentityProvider> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's
  const accounts = new Map<string, Person>();
  const made: IdentityProvider = {
    issuer: `http://127.0.0.1:${port}`,
    clientId: "capstan",
    clientSecret: "a secret: with + and %",
    person: { subject: "nobody", claims: {} },
    asked: 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
    serve: (redirectUri) => {
      const provider = new Provider(made.issuer, {
        clients: [{ client_id: made.clientId, client_secret: made.clientSecret, redirect_uris: [redirectUri] }],
        cookies: { keys: ["for tests only"] },
        claims: { openid: ["sub"], profile: ["preferred_username", "name"], email: ["email"], groups: ["groups"] },
        features: { devInteractions: { enabled: false } },
        pkce: { required: () => true },
        interactions: { url: (_: unknown, interaction: { readonly uid: string }) => `/interaction/${interaction.uid}` },
        findAccount: (_: unknown, id: string) => ({
          accountId: id,
          claims: () => ({ sub: id, ...accounts.get(id)?.claims }),
        }),
        loadExistingGrant: async ({ oidc }: ProviderContext) => {
          const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
          grant.addOIDCScope("openid profile email groups");
          await grant.save();
          return grant;
        },
        ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
      });
      const rest = provider.callback();
      server.on("request", (request, response) => {
        if (!request.url?.startsWith("/interaction/")) return rest(request, response);
        made.asked++;
        accounts.set(made.person.subject, made.person);
        void provider.interactionFinished(request, response, { login: { accountId: made.person.subject } });
      });
    },
  };
  return made;
}

/** Follows redirects and keeps cookies, each for its origin. */
export class Browser {
  readonly #jars = new Map<string, Map<string, string>>();

  cookies(origin: string): string {
    return [...(this.#jars.get(origin) ?? [])].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** One request; what it sets is kept. */
  async send(address: string, sent: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(address);
    const headers = new Headers(sent.headers);
    headers.set("cookie", this.cookies(origin));
    const answer = await fetch(address, { ...sent, headers, redirect: "manual" });
    const jar = this.#jars.get(origin) ?? new Map<string, string>();
    this.#jars.set(origin, jar);
    for (const line of answer.headers.getSetCookie()) {
      const [name = "", ...value] = (line.split(";")[0] ?? "").split("=");
      if (/expires=Thu, 01 Jan 1970|max-age=0/i.test(line)) jar.delete(name);
      else jar.set(name, value.join("="));
    }
    return answer;
  }

  /** Goes on until a page that leads nowhere, or until `stop` says so; gives all addresses, the last one included. */
  async go(address: string, stop: (address: string) => boolean = () => false): Promise<readonly string[]> {
    const way = [address];
    for (let at = address; way.length < 20 && !stop(at);) {
      const answer = await this.send(at);
      await answer.arrayBuffer();
      const next = answer.headers.get("location");
      if (next === null) return way;
      at = new URL(next, at).href;
      way.push(at);
    }
    return way;
  }
}
