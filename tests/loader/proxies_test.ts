import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { printedBy } from "../support/own_process.ts";
import { Proxies, ProxyError } from "../../src/loader/fetch/proxies.ts";
import { environmentOf } from "../../src/base/surroundings.ts";

const P = "http://proxy.example:3128/";
const both = { HTTP_PROXY: "http://proxy.example:3128", HTTPS_PROXY: "http://secure.example:1" };

const choices: [env: Record<string, string>, url: string, proxy: string | null][] = [
  [{}, "http://a.example/", null],
  [both, "http://a.example/", P],
  [both, "https://a.example/", "http://secure.example:1/"],
  [{ http_proxy: "proxy.example:3128" }, "http://a.example/", P],
  [{ HTTP_PROXY: P, http_proxy: "http://other/" }, "http://a.example/", P],
  [{ HTTP_PROXY: "", http_proxy: P }, "http://a.example/", P],
  [{ HTTP_PROXY: P }, "https://a.example/", null],
  [{ ALL_PROXY: P }, "https://a.example/", P],
  [
    { all_proxy: "socks5://proxy.example:1080" },
    "http://a.example/",
    "socks5://proxy.example:1080",
  ],
  [{ ALL_PROXY: "http://other/", HTTP_PROXY: P }, "http://a.example/", P],
  ...([
    ["a.example", "http://a.example/", true],
    ["a.example", "http://A.EXAMPLE/", true],
    ["A.Example", "http://a.example/", true],
    ["a.example", "http://sub.a.example/", true],
    [".a.example", "http://a.example/", true],
    ["*.a.example", "http://sub.a.example/", true],
    ["a.example", "http://ba.example/", false],
    ["example", "http://a.example.org/", false],
    ["b.example, a.example", "http://a.example/", true],
    ["*", "http://a.example/", true],
    ["127.0.0.1", "http://127.0.0.1:8000/", true],
    ["127.0.0.1", "http://127.0.0.2/", false],
    ["127.0.0.1", "http://0x7f.1/", true],
    ["10.0.0.0/8", "http://10.200.3.4/", true],
    ["10.0.0.0/8", "http://11.0.0.1/", false],
    ["192.168.1.128/25", "http://192.168.1.127/", false],
    ["192.168.1.128/25", "http://192.168.1.128/", true],
    ["0.0.0.0/0", "http://8.8.8.8/", true],
    ["::1", "http://[::1]/", true],
    ["[::1]", "http://[0:0::1]/", true],
    ["::1", "http://[::2]/", false],
    ["fd00::/8", "http://[fd12:3456::1]/", true],
    ["fd00::/8", "http://[fe80::1]/", false],
    ["10.0.0.0/8", "http://[::a00:1]/", false],
    ["localhost", "http://127.0.0.1/", false],
    ["", "http://a.example/", false],
    [",", "http://a.example/", false],
    ["/8", "http://10.0.0.1/", false],
  ] as const).map((
    [exceptions, url, isDirect],
  ): [Record<string, string>, string, string | null] => [
    { HTTP_PROXY: P, NO_PROXY: exceptions },
    url,
    isDirect ? null : P,
  ]),
  [{ HTTP_PROXY: P, no_proxy: "a.example" }, "http://a.example/", null],
];
for (const [env, url, proxy] of choices) {
  Deno.test(`with ${JSON.stringify(env)}, ${url} is asked through ${proxy ?? "no proxy"}`, () => {
    const found = new Proxies(environmentOf(env)).proxyFor(new URL(url));
    assertEquals(found?.url ?? null, proxy);
  });
}

Deno.test("who asks a proxy is taken out of its address", () => {
  const env = environmentOf({ HTTPS_PROXY: "http://us%20er:p%40ss@proxy.example" });
  assertEquals(new Proxies(env).proxyFor(new URL("https://a.example/")), {
    variable: "HTTPS_PROXY",
    url: "http://proxy.example/",
    basicAuth: { username: "us er", password: "p@ss" },
  });
});

for (
  const text of [
    "ftp://me:secret@proxy.example/",
    "me:secret@proxy.example:port",
    "http://me:secret@[::1/",
    "http://secret proxy/",
  ]
) {
  Deno.test(`${text} is not the address of a proxy, and is not told: it may have a password`, () => {
    const proxies = new Proxies(environmentOf({ HTTP_PROXY: text }));
    const error = assertThrows(() => proxies.proxyFor(new URL("http://a.example/")), ProxyError);
    assert(error.message.startsWith("HTTP_PROXY is not the address of a proxy"), error.message);
    assert(!error.message.includes("secret"));
  });
}

/** A server that says who it is to all that it is asked. */
function server(name: string): { readonly port: number } & AsyncDisposable {
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ headers }) => new Response(`${name} ${headers.get("proxy-authorization") ?? ""}`.trim()),
  );
  return { port: http.addr.port, [Symbol.asyncDispose]: () => http.shutdown() };
}

for (const when of ["before", "after"]) {
  Deno.test(`clients go the way of the copy, though an app sets proxies ${when} they are made`, async () => {
    await using origin = server("origin");
    await using proxy = server("proxy");
    await using evil = server("evil");
    const ask = (env: Record<string, string>) =>
      printedBy(
        new URL("proxies_process.ts", import.meta.url),
        `http://127.0.0.1:${origin.port}/m.ts`,
        `http://127.0.0.1:${evil.port}`,
        JSON.stringify(env),
        when,
      );
    const address = `us:pw@127.0.0.1:${proxy.port}`;
    assertEquals(await ask({}), "origin");
    assertEquals(await ask({ HTTP_PROXY: address }), `proxy Basic ${btoa("us:pw")}`);
    assertEquals(await ask({ HTTP_PROXY: address, NO_PROXY: "127.0.0.0/8" }), "origin");
  });
}
