import { assert, assertEquals } from "../support/assert.ts";
import { InspectorProxy, passedHead } from "../../src/cli/inspector_proxy.ts";

const head = (...lines: string[]) => [...lines, "", ""].join("\r\n");
const ADDRESS = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

Deno.test("of a question, one answer is all that comes, whatever the request says", () => {
  const passed = passedHead(
    head("GET /json HTTP/1.1", "Host: localhost:1", "Connection: keep-alive", "Accept: */*"),
  );
  assertEquals(passed, {
    kind: "question",
    text: head("GET /json HTTP/1.1", "Connection: close", "Host: localhost:1", "Accept: */*"),
  });
});

for (
  const text of [
    head("POST /json HTTP/1.1", "Host: localhost"),
    head("GET http://evil.example/json HTTP/1.1", "Host: localhost"),
    head("GET /json HTTP/1.0", "Host: localhost"),
    head("GET /json HTTP/1.1", "Host: localhost", "X: \u0080"),
    head("GET /json HTTP/1.1\nHost: evil.example", "Host: localhost"),
    head("GET /json HTTP/1.1", "Host: localhost\rX: y"),
    head("GET /json HTTP/1.1", "Host: ::1"),
    head("GET /json HTTP/1.1", "Host: 127.0.0.1@evil.example"),
  ]
) {
  Deno.test(`${JSON.stringify(text)} is not passed on`, () => assertEquals(passedHead(text), null));
}

/** An inspector that keeps what it is asked, and answers `answer`. */
function imitation(answer: string): Deno.Listener & { readonly asked: string[] } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  (async () => {
    for await (const conn of listener) {
      const buffer = new Uint8Array(65_536);
      const count = await conn.read(buffer);
      asked.push(new TextDecoder().decode(buffer.subarray(0, count ?? 0)));
      await conn.write(new TextEncoder().encode(answer));
      conn.close();
    }
  })();
  return Object.assign(listener, { asked });
}

async function talk(port: number, parts: readonly string[]): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    for (const part of parts) {
      await conn.write(new TextEncoder().encode(part));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    let text = "";
    const buffer = new Uint8Array(4_096);
    for (let count; (count = await conn.read(buffer)) !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, count));
    }
    return text;
  } catch (error) {
    // What it sent was more than anybody wanted to read.
    const isCut = error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe;
    if (!isCut) throw error;
    return "";
  }
}

Deno.test("a request is passed on at every split", async () => {
  using inspector = imitation("HTTP/1.1 200 OK\r\n\r\nanswer");
  using proxy = await InspectorProxy.listen(ADDRESS, (inspector.addr as Deno.NetAddr).port);
  const text = head("GET /json HTTP/1.1", "Host: [::1]:9229");
  for (let split = 1; split < text.length; split += 2) {
    const parts = [text.slice(0, split), text.slice(split)];
    assertEquals(await talk(proxy.address.port, parts), "HTTP/1.1 200 OK\r\n\r\nanswer");
  }
  assertEquals(new Set(inspector.asked), new Set([passedHead(text)!.text]));
});

Deno.test("a head without end is not read for ever, and the next request is answered", async () => {
  using inspector = imitation("fine");
  using proxy = await InspectorProxy.listen(ADDRESS, (inspector.addr as Deno.NetAddr).port);
  assertEquals(await talk(proxy.address.port, [`GET / HTTP/1.1\r\nX: ${"y".repeat(40_000)}`]), "");
  assertEquals(inspector.asked, []);
  const text = head("GET / HTTP/1.1", "Host: 127.0.0.1");
  assertEquals(await talk(proxy.address.port, [text]), "fine");
});

Deno.test("where the port is taken, another one is", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using proxy = await InspectorProxy.listen({ ...ADDRESS, port: taken.addr.port }, 1);
  assert(proxy.address.port !== taken.addr.port && proxy.address.port > 0);
});
