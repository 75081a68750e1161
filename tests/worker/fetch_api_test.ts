/**
 * The light Request and Response against the platform's own: whatever is asked of both must be
 * answered the same.
 */
import { assert, assertEquals, assertInstanceOf } from "../support/assert.ts";
import { RequestHead } from "../../src/exchange.ts";
import type { Exchange } from "../../src/exchange.ts";
import { BODY, CHUNK, END, HEAD, NEED_DATA, RequestParser } from "../../src/http1/parser.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/limits.ts";
import { makeRequest } from "../../src/worker/request.ts";
import { installLightResponse, plainResponse } from "../../src/worker/response.ts";
import { AppTask } from "../../src/worker/task.ts";
import { bytesOf } from "../support/parsing.ts";

const PlatformResponse = Response;

/** The request that an app would be given for the bytes of `text`. */
function requestOf(text: string): Request {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  parser.push(bytesOf(text));
  assertEquals(parser.next(), HEAD);
  const exchange = {
    head: parser.head,
    receiver: null,
    reportSent: false,
    congested: false,
    grant() {},
    respond() {},
    write() {},
    end() {},
    fail() {},
  } as unknown as Exchange;
  exchange.head.detach();
  const task = new AppTask(exchange, { onTaskEnded() {}, onStreamError() {} });
  const request = makeRequest(task);
  for (let event = parser.next(); event !== NEED_DATA; event = parser.next()) {
    const bytes = parser.buffer.subarray(parser.bodyStart, parser.bodyEnd);
    if (event === BODY) task.onBody(bytes);
    else if (event === CHUNK) task.onChunk(parser.chunkBytes);
    else if (event === END) task.onEnd(bytes);
  }
  return request;
}

const FORM = '--b\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n' +
  "Content-Type: text/plain\r\n\r\ncontents\r\n--b--\r\n";

/** Pairs of what a client sends and what the platform would make of it. */
const requests: Record<string, [string, () => Request]> = {
  "a GET": [
    "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-One: 1\r\nX-Two: a\r\nX-Two: b\r\n\r\n",
    () =>
      new Request("http://example.com/a?b=c", {
        headers: [["host", "example.com"], ["x-one", "1"], ["x-two", "a"], ["x-two", "b"]],
      }),
  ],
  "a POST of JSON": [
    'POST /j HTTP/1.1\r\nHost: e\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a":[1]}',
    () =>
      new Request("http://e/j", {
        method: "POST",
        body: '{"a":[1]}',
        headers: { host: "e", "content-type": "application/json", "content-length": "9" },
      }),
  ],
  "a POST in chunks": [
    "POST /c HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    () =>
      new Request("http://e/c", {
        method: "POST",
        body: bytesOf("abcde"),
        headers: { host: "e", "transfer-encoding": "chunked" },
      }),
  ],
  "a form": [
    `POST /f HTTP/1.1\r\nHost: e\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${FORM.length}\r\n\r\n${FORM}`,
    () =>
      new Request("http://e/f", {
        method: "POST",
        body: bytesOf(FORM),
        headers: {
          host: "e",
          "content-type": "multipart/form-data; boundary=b",
          "content-length": String(FORM.length),
        },
      }),
  ],
  "a method in lower case": [
    "post / HTTP/1.1\r\nHost: e\r\nContent-Length: 1\r\n\r\nx",
    () =>
      new Request("http://e/", {
        method: "post",
        body: bytesOf("x"),
        headers: { host: "e", "content-length": "1" },
      }),
  ],
  "a target that is not normal": [
    "GET /a/../b%2f/./c%2e?x='y' HTTP/1.1\r\nHost: EXAMPLE.com:80\r\n\r\n",
    () =>
      new Request("http://EXAMPLE.com:80/a/../b%2f/./c%2e?x='y'", {
        headers: { host: "EXAMPLE.com:80" },
      }),
  ],
};

// deno-lint-ignore no-explicit-any
type Question = (request: any) => unknown;
const questions: Record<string, Question> = {
  method: (r) => r.method,
  url: (r) => r.url,
  headers: (r) => [...r.headers],
  redirect: (r) => r.redirect,
  bodyUsed: (r) => r.bodyUsed,
  "body is null": (r) => r.body === null,
  "body is a stream": (r) => r.body instanceof ReadableStream,
  "instanceof Request": (r) => r instanceof Request,
  "the constructor": (r) => r.constructor === Request,
  "toString tag": (r) => Object.prototype.toString.call(r),
  "text()": (r) => r.text(),
  "json()": (r) => r.json().catch((error: Error) => error.name),
  "arrayBuffer()": async (r) => new Uint8Array(await r.arrayBuffer()),
  "bytes()": (r) => r.bytes(),
  "blob()": async (
    r,
  ) => [(await r.blob()).size, (await r.blob().catch(() => ({ type: "used" }))).type],
  "formData()": async (r) => {
    const form = await r.formData().catch((error: Error) => error.name);
    if (typeof form === "string") return form;
    const file = form.get("f") as File;
    return [file.name, file.type, await file.text()];
  },
  "text() twice": async (r) => [
    await r.text(),
    r.bodyUsed,
    await r.text().catch((error: Error) => error.name),
  ],
  "reading after text()": async (r) => {
    await r.text();
    return r.body?.locked ?? null;
  },
  "clone()": async (r) => {
    const clone = r.clone();
    return [clone instanceof Request, clone.url, await clone.text(), await r.text()];
  },
  "clone() after text()": async (r) => {
    await r.text();
    try {
      r.clone();
      return "cloned";
    } catch (error) {
      return (error as Error).name;
    }
  },
  "new Request(request)": async (r) => {
    const copy = new Request(r);
    return [copy.method, copy.url, [...copy.headers], await copy.text(), r.bodyUsed];
  },
  "new Request(request, init)": async (r) => {
    const copy = new Request(r, { headers: { x: "y" } });
    return [copy.method, [...copy.headers], await copy.text()];
  },
  "new Request(url, request)": async (r) => {
    const copy = new Request("http://other/", r);
    return [copy.method, copy.url, copy.headers.get("host"), await copy.text()];
  },
  "headers can be changed, and a copy has them": async (r) => {
    r.headers.set("x-new", "1");
    await r.clone().text();
    r.headers.delete("host");
    const copy = new Request(r);
    return [copy.headers.get("x-new"), copy.headers.get("host"), r.headers.get("x-new")];
  },
  "the same headers object each time": (r) => {
    const { headers } = r;
    r.clone();
    return headers === r.headers;
  },
  "the same signal each time": (r) => r.signal === r.signal && r.signal.aborted === false,
  "for await of body": async (r) => {
    let text = "";
    for await (const chunk of r.body ?? []) text += new TextDecoder().decode(chunk);
    return [text, r.bodyUsed];
  },
  "body.tee()": async (r) => {
    const [one, two] = r.body?.tee() ?? [];
    return [await new PlatformResponse(one).text(), await new PlatformResponse(two).text()];
  },
  "BYOB reader": async (r) => {
    if (r.body === null) return null;
    const { value } = await new PlatformResponse(r.body).body!.getReader().read();
    return value!.length > 0;
  },
  "inspection": (r) => Deno.inspect(r).includes(r.url),
  "enumerable names": (r) => {
    const names: string[] = [];
    for (const name in r) names.push(name);
    return names.sort();
  },
};

for (const [name, [text, platform]] of Object.entries(requests)) {
  Deno.test(`the request of ${name} answers like the platform's`, async (test) => {
    for (const [question, ask] of Object.entries(questions)) {
      await test.step(question, async () => {
        assertEquals(await ask(requestOf(text)), await ask(platform()));
      });
    }
  });
}

Deno.test("a light request can be fetched", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => new PlatformResponse(`${request.method} ${await request.text()}`),
  );
  const { port } = server.addr;
  const request = requestOf(
    `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 4\r\n\r\nbody`,
  );
  assertEquals(await (await fetch(request)).text(), "POST body");
  await server.shutdown();
});

Deno.test("a body with GET is not shown: a Request cannot have one", async () => {
  const request = requestOf("GET / HTTP/1.1\r\nHost: e\r\nContent-Length: 1\r\n\r\nx");
  assertEquals(request.body, null);
  assertEquals(await request.text(), "");
  assertEquals(request.clone().body, null);
});

// From here on `Response` is the light one, as in a worker.
installLightResponse();

const stream = () => new Blob(["streamed"]).stream();
// deno-lint-ignore no-explicit-any
const responseArguments: Record<string, () => any[]> = {
  "nothing": () => [],
  "text": () => ["text"],
  "null": () => [null],
  "bytes": () => [bytesOf("bytes")],
  "an ArrayBuffer": () => [bytesOf("bytes").buffer],
  "a blob": () => [new Blob(["blob"], { type: "a/b" })],
  "a stream": () => [stream()],
  "a form": () => [new URLSearchParams({ a: "b" })],
  "a number": () => [42],
  "a status": () => ["x", { status: 404 }],
  "a status text": () => ["x", { status: 200, statusText: "Fine" }],
  "a status without a body": () => [null, { status: 204 }],
  "a status that allows no body": () => ["x", { status: 204 }],
  "a status out of range": () => ["x", { status: 99 }],
  "a status above the range": () => ["x", { status: 600 }],
  "a status that is text": () => ["x", { status: "404" }],
  "a status that is no number": () => ["x", { status: NaN }],
  "headers": () => ["x", { headers: { "Content-Type": "a/b", "X-Y": "z" } }],
  "headers in a list": () => ["x", { headers: [["a", "1"], ["a", "2"]] }],
  "a Headers": () => ["x", { headers: new Headers({ a: "1" }) }],
  "headers that differ in case": () => ["x", { headers: { a: "1", A: "2" } }],
  "headers with blanks": () => ["x", { headers: { a: "  1 " } }],
  "an empty header": () => ["x", { headers: { a: "" } }],
  "a header that is a number": () => ["x", { headers: { a: 1 } }],
  "a header beyond ASCII": () => ["x", { headers: { a: "\xe4" } }],
  "a header beyond bytes": () => ["x", { headers: { a: "€" } }],
  "a header with a line end": () => ["x", { headers: { a: "1\r\nb: 2" } }],
  "a malformed header name": () => ["x", { headers: { "a b": "1" } }],
  "an init that is null": () => ["x", null],
};

const responseQuestions: Record<string, Question> = {
  "status": (r) => [r.status, r.ok, r.statusText, r.type, r.url, r.redirected],
  "headers": (r) => [...r.headers],
  "changed headers": (r) => {
    r.headers.set("x-new", "1");
    r.headers.delete("content-type");
    return [...r.headers];
  },
  "instanceof Response": (r) => r instanceof Response && r instanceof PlatformResponse,
  "toString tag": (r) => Object.prototype.toString.call(r),
  "body is null": (r) => [r.body === null, r.bodyUsed],
  "text()": (r) => r.text(),
  "bytes()": (r) => r.bytes(),
  "text() twice": async (r) => [
    await r.text(),
    r.bodyUsed,
    await r.text().catch((error: Error) => error.name),
  ],
  "blob()": async (r) => {
    const blob = await r.blob();
    return [blob.size, blob.type];
  },
  "clone()": async (r) => {
    const clone = r.clone();
    return [clone.status, [...clone.headers], await clone.text(), await r.text()];
  },
  "as the init of another": async (r) => {
    const other = new PlatformResponse(r.body, r);
    return [other.status, [...other.headers], await other.text()];
  },
};

/** What a constructor makes of its arguments, or the name of what it throws. */
function made(make: () => Response): Response | string {
  try {
    return make();
  } catch (error) {
    return (error as Error).name;
  }
}

for (const [name, args] of Object.entries(responseArguments)) {
  Deno.test(`a response made of ${name} answers like the platform's`, async (test) => {
    for (const [question, ask] of Object.entries(responseQuestions)) {
      await test.step(question, async () => {
        const light = made(() => new Response(...args()));
        const platform = made(() => new PlatformResponse(...args()));
        if (typeof platform === "string" || typeof light === "string") {
          assertEquals(light, platform);
        } else {
          assertEquals(await ask(light), await ask(platform));
        }
      });
    }
  });
}

Deno.test("the static methods of Response answer like the platform's", async () => {
  const pairs: [() => Response, () => Response][] = [
    [() => Response.json({ a: 1 }), () => PlatformResponse.json({ a: 1 })],
    [() => Response.json([1], { status: 201 }), () => PlatformResponse.json([1], { status: 201 })],
    [() => Response.json(undefined), () => PlatformResponse.json(undefined)],
    [() => Response.redirect("http://a/b"), () => PlatformResponse.redirect("http://a/b")],
    [
      () => Response.redirect("http://a/b", 301),
      () => PlatformResponse.redirect("http://a/b", 301),
    ],
    [() => Response.error(), () => PlatformResponse.error()],
  ];
  for (const [light, platform] of pairs) {
    const one = made(light);
    const two = made(platform);
    if (typeof one === "string" || typeof two === "string") {
      assertEquals(one, two);
      continue;
    }
    assertEquals([one.status, one.type, [...one.headers]], [two.status, two.type, [
      ...two.headers,
    ]]);
    assertEquals(await one.text(), await two.text());
    assertInstanceOf(one, Response);
  }
});

Deno.test("Response can be extended, and what the platform makes is one", async () => {
  class Own extends Response {
    extra = 1;
  }
  const own = new Own("x", { status: 201 });
  assert(own instanceof Own && own instanceof Response);
  assertEquals([own.status, own.extra, await own.text()], [201, 1, "x"]);
  assert(!(new Response("x") instanceof Own));
  assert(new PlatformResponse("x") instanceof Response);
  assertEquals(Response.name, "Response");
});

Deno.test("a light response is sent without a stream until its body was exposed", () => {
  const response = new Response("text", { headers: { a: "b" } });
  assertEquals(plainResponse(response)?.body, "text");
  response.headers.set("c", "d");
  assertEquals(plainResponse(response)?.fieldLines.includes("c: d\r\n"), true);
  assertEquals(plainResponse(response)?.body, "text");
  assert(response.body !== null);
  assertEquals(plainResponse(response), null);
});

Deno.test("bytes given to a response can be changed afterwards", async () => {
  const bytes = bytesOf("before");
  const response = new Response(bytes);
  bytes.fill(120);
  assertEquals(await response.text(), "before");
});

Deno.test("a head that was detached does not change with its buffer", () => {
  const head = new RequestHead();
  head.block = bytesOf("xx/path?query--host: a\r\n");
  [head.targetStart, head.targetEnd, head.fieldsStart, head.fieldsEnd] = [2, 13, 15, 24];
  const borrowed = head.block;
  head.detach();
  borrowed.fill(0);
  const text = (start: number, end: number) =>
    new TextDecoder().decode(head.block.subarray(start, end));
  assertEquals(text(head.targetStart, head.targetEnd), "/path?query");
  assertEquals(text(head.fieldsStart, head.fieldsEnd), "host: a\r\n");
});
