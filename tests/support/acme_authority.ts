/** A small certificate authority (RFC 8555), which checks what it is sent, and fails where it is told to. */

import { base64Url, firstPem, pemOf } from "../../src/certificates/codec/pem.ts";
import { ownKeyPair } from "../../src/certificates/keys.ts";

/** What goes wrong. */
export interface Faults {
  /** Answers a request with this, if it is one. */
  answer?: (path: string, times: number) => Response | undefined;
  /** Changes what is answered as JSON. */
  change?: (path: string, body: Record<string, unknown>) => Record<string, unknown>;
  /** The certificate that it gives, instead of one for the key that asks. */
  certificate?: string;
  /** Changes the chain that it gives. */
  changeChain?: (chain: string) => string;
}

type Json = Record<string, unknown>;

const bytesOf = (text: string) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const jsonOf = (text: string) => JSON.parse(new TextDecoder().decode(bytesOf(text)));

export class AcmeAuthority implements AsyncDisposable {
  /** Paths of the requests that were answered. */
  readonly requests: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #faults: Faults;
  readonly #lookUp: (token: string) => string | null;
  readonly #nonces = new Set<string>();
  readonly #counts = new Map<string, number>();
  #jwk: JsonWebKey | null = null;
  #names: string[] = [];
  #isProved = false;
  #chain = "";

  /** `lookUp` is what would be found at the names, for a token. */
  constructor(lookUp: (token: string) => string | null, faults: Faults = {}) {
    this.#lookUp = lookUp;
    this.#faults = faults;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#serve(request),
    );
  }

  get directory(): URL {
    return new URL(`http://127.0.0.1:${this.#server.addr.port}/dir`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #serve(request: Request): Promise<Response> {
    const { pathname: path } = new URL(request.url);
    const times = (this.#counts.get(path) ?? 0) + 1;
    this.#counts.set(path, times);
    const nonce = crypto.randomUUID();
    this.#nonces.add(nonce);
    const text = await request.text();
    const answer = this.#faults.answer?.(path, times) ??
      (request.method === "POST" ? await this.#post(path, request, text) : this.#read(path));
    answer.headers.append("replay-nonce", nonce);
    this.requests.push(path);
    return answer;
  }

  #read(path: string): Response {
    if (path === "/nonce") return new Response(null);
    const names = ["newNonce", "newAccount", "newOrder"];
    const paths = ["/nonce", "/account", "/order"];
    return this.#json(
      path,
      Object.fromEntries(names.map((name, index) => [name, this.#url(paths[index])])),
    );
  }

  async #post(path: string, request: Request, text: string): Promise<Response> {
    const { protected: head, payload, signature } = JSON.parse(text);
    const { alg, nonce, url, jwk, kid } = jsonOf(head);
    if (!this.#nonces.delete(nonce)) return problem(400, "badNonce", "an old one");
    this.#jwk ??= jwk;
    const isSigner = path === "/account" ? jwk !== undefined : kid === this.#url("/account/1");
    const isSound = isSigner && alg === "ES256" && url === this.#url(path) &&
      request.headers.get("content-type") === "application/jose+json";
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("jwk", this.#jwk!, algorithm, false, ["verify"]);
    const signed = new TextEncoder().encode(`${head}.${payload}`);
    if (!isSound || !await crypto.subtle.verify(algorithm, key, bytesOf(signature), signed)) {
      return problem(400, "malformed", "this is not signed as it should be");
    }
    return await this.#act(path, payload === "" ? "" : jsonOf(payload));
  }

  async #act(path: string, payload: Json | ""): Promise<Response> {
    const status = this.#isProved ? "valid" : "pending";
    const order = {
      status: this.#chain === "" ? status : "valid",
      authorizations: [this.#url("/authorization")],
      finalize: this.#url("/finalize"),
      certificate: this.#url("/certificate"),
    };
    switch (path) {
      case "/account":
        if (payload === "" || payload.termsOfServiceAgreed !== true) {
          return problem(403, "userActionRequired", "agree to the terms");
        }
        return this.#json(path, { status: "valid" }, "/account/1");
      case "/order":
        this.#names = (payload as { identifiers: { value: string }[] }).identifiers
          .map(({ value }) => value);
        return this.#json(path, order, "/order/1");
      case "/order/1":
        return this.#json(path, order);
      case "/authorization":
        return this.#json(path, {
          status,
          challenges: [
            { type: "dns-01", token: "other", url: this.#url("/no") },
            { type: "http-01", token: "the_token", url: this.#url("/challenge") },
          ],
        });
      case "/challenge": {
        const { crv, kty, x, y } = this.#jwk!;
        const thumbprint = await crypto.subtle.digest(
          "SHA-256",
          new TextEncoder().encode(JSON.stringify({ crv, kty, x, y })),
        );
        const expected = `the_token.${base64Url(new Uint8Array(thumbprint))}`;
        this.#isProved = this.#lookUp("the_token") === expected;
        return this.#json(path, {});
      }
      case "/finalize":
        if (!this.#isProved) return problem(403, "orderNotReady", "prove first");
        this.#chain = this.#faults.certificate ??
          await certificateFor(this.#names, bytesOf((payload as { csr: string }).csr));
        return this.#json(path, order);
      case "/certificate":
        return new Response(this.#faults.changeChain?.(this.#chain) ?? this.#chain);
    }
    return problem(404, "malformed", path);
  }

  #json(path: string, body: Json, location?: string): Response {
    const headers = location === undefined ? undefined : { location: this.#url(location) };
    return Response.json(this.#faults.change?.(path, body) ?? body, { headers });
  }

  #url(path: string): string {
    return new URL(path, this.directory).href;
  }
}

/** A problem as the authority reports it. */
export function problem(
  status: number,
  type: string,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ type: `urn:ietf:params:acme:error:${type}`, detail }, { status, headers });
}

/** A certificate for `names`, and the key of the request `csr`, signed by openssl. */
async function certificateFor(names: readonly string[], csr: Uint8Array): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const issuer = await ownKeyPair(["issuer.test"]);
    const files = {
      "a.csr": pemOf("CERTIFICATE REQUEST", csr),
      "ca.pem": issuer.cert,
      "ca.key": issuer.key,
      "ext": `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}\n`,
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { success, stdout, stderr } = await new Deno.Command("openssl", {
      args: "x509 -req -in a.csr -CA ca.pem -CAkey ca.key -days 90 -extfile ext".split(" "),
      cwd: folder,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const chain = new TextDecoder().decode(stdout) + issuer.cert;
    if (firstPem(chain, "CERTIFICATE") === null) throw new Error(chain);
    return chain;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
