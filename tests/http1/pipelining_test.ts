import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { residentBytes } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { Random } from "../support/random.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const MEBIBYTE = 1_048_576;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Notes which requests begin (`+`) and end (`-`), in the order in which they do. */
const DIARY_APP = `
const diary = [];
export default async (request) => {
  const url = new URL(request.url);
  if (url.pathname === "/diary") return new Response(diary.splice(0).join(" "));
  const name = url.pathname.slice(1);
  diary.push("+" + name);
  await new Promise((resolve) => setTimeout(resolve, Number(url.searchParams.get("ms"))));
  diary.push("-" + name);
  if (url.searchParams.has("break")) {
    const pull = async (controller) => {
      controller.enqueue(new TextEncoder().encode("some"));
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw new Error("broken on purpose");
    };
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
  }
  return new Response(name + await request.text());
};
`;

/** A request in short: method, name, and how long it takes. */
function asked(request: string): string {
  const [method, name, ms] = request.split(" ");
  const body = method === "GET" || method === "HEAD" ? "" : `Content-Length: 1\r\n\r\n!`;
  return `${method} /${name}?ms=${ms} HTTP/1.1\r\nHost: a\r\n${body || "\r\n"}`;
}

const orders: Record<string, { requests: string[]; diary: string }> = {
  "safe requests are worked on side by side": {
    requests: ["GET a 300", "GET b 200", "OPTIONS c 100"],
    diary: "+a +b +c -c -b -a",
  },
  "a request that is not safe waits for all before it": {
    requests: ["GET a 200", "GET b 100", "POST c 0"],
    diary: "+a +b -b -a +c -c",
  },
  "all wait for a request that is not safe": {
    requests: ["POST a 200", "GET b 100", "GET c 0"],
    diary: "+a -a +b +c -c -b",
  },
  "requests that are not safe come one by one": {
    requests: ["PUT a 100", "DELETE b 50", "PATCH c 0", "WHATEVER d 0"],
    diary: "+a -a +b -b +c -c +d -d",
  },
  "safe requests on either side of one that is not": {
    requests: ["GET a 200", "GET b 100", "PUT c 100", "GET d 100", "GET e 0"],
    diary: "+a +b -b -a +c -c +d +e -e -d",
  },
};

for (const workers of ["1", "0"]) {
  Deno.test(`the order of pipelined requests is kept where it matters (--workers ${workers}; RFC 9112 9.3.2)`, async (test) => {
    await inFolder({ "app.js": DIARY_APP }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, `--workers=${workers}`]);
      for (const [name, { requests, diary }] of Object.entries(orders)) {
        for (const how of ["at once", "in pieces"]) {
          await test.step(`${name}, sent ${how}`, async () => {
            using client = await RawClient.connect(gateway.port);
            const text = requests.map(asked).join("");
            if (how === "at once") {
              await client.send(text);
            } else {
              for (let at = 0; at < text.length; at += 7) {
                await client.send(text.slice(at, at + 7));
              }
            }
            for (const request of requests) {
              const [method, expected] = request.split(" ");
              const { status, body } = await client.receive();
              assertEquals([status, body], [200, method === "GET" ? expected : `${expected}!`]);
            }
            assertEquals(await (await fetch(`${gateway.url}/diary`)).text(), diary);
          });
        }
      }
      await test.step("a request that waits behind a response that breaks is not begun", async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(["GET a 100&break", "POST b 0", "GET c 0"].map(asked).join(""));
        assert((await client.rest()).endsWith("some\r\n"));
        assertEquals(await (await fetch(`${gateway.url}/diary`)).text(), "+a -a");
      });
      await test.step("a client that half closes gets the answers to all that it asked, in order", async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(`${asked("GET a 200")}DELETE /b?ms=0 HTTP/1.1\r\nHost: a\r\n\r\n`);
        await (client.conn as Deno.TcpConn).closeWrite();
        assertEquals((await client.receive()).body, "a");
        assertEquals((await client.receive()).body, "b");
        assert(await client.closed());
        assertEquals(await (await fetch(`${gateway.url}/diary`)).text(), "+a -a +b -b");
      });
    });
  });

  Deno.test(`pipelined responses of all sizes arrive whole and in order (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const random = new Random(11);
    const sizes = [0, 1, 4_000, 4_095, 4_096, 4_097, 65_536, 65_537, 262_144, 262_145, 700_001];
    for (const reading of ["at once", "later"]) {
      await test.step(`read ${reading}`, async () => {
        using client = await RawClient.connect(gateway.port);
        const wanted = Array.from({ length: 40 }, () => ({
          kind: random.pick(["large", "large-bytes", "bytes"]),
          size: random.pick(sizes),
          isHead: random.below(8) === 0,
        }));
        const sending = client.send(
          wanted.map(({ kind, size, isHead }) =>
            `${isHead ? "HEAD" : "GET"} /${kind}?n=${size} HTTP/1.1\r\nHost: a\r\n\r\n`
          ).join(""),
        );
        if (reading === "later") await sleep(300);
        for (const { kind, size, isHead } of wanted) {
          const { status, body } = await client.receive(isHead ? "head" : "response");
          const letter = { "large": "y", "large-bytes": "z", "bytes": "x" }[kind]!;
          assertEquals([status, body.length], [200, isHead ? 0 : size]);
          assert(body === letter.repeat(body.length), "no response has parts of another");
        }
        await sending;
      });
    }
  });
}

const BIG_APP = `
const big = "x".repeat(200_000);
let asked = 0;
export default (request) => {
  if (!request.url.endsWith("/big")) return new Response(String(asked));
  asked++;
  return new Response(big);
};
`;

for (const workers of ["1", "0"]) {
  Deno.test({
    name: `clients that pipeline, and read nothing, cost a window each (--workers ${workers})`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await inFolder({ "app.js": BIG_APP }, async (folder) => {
        await using gateway = await startGateway([`${folder}/app.js`, `--workers=${workers}`]);
        const { port, pid, url } = gateway;
        await (await fetch(url)).text();
        const before = residentBytes(pid);
        const clients: RawClient[] = [];
        try {
          for (let i = 0; i < 300; i++) {
            const client = await RawClient.connect(port);
            clients.push(client);
            await client.send(get("/big").repeat(64));
          }
          // Until nothing more is begun.
          for (let last = "", now = " "; now !== last;) {
            last = now;
            await sleep(500);
            now = await (await fetch(url)).text();
          }
          const grown = residentBytes(pid) - before;
          assert(grown < 192 * MEBIBYTE, `it has grown by ${Math.round(grown / MEBIBYTE)} MiB`);
        } finally {
          for (const each of clients) each[Symbol.dispose]();
        }
        assert(Number(await (await fetch(url)).text()) < 300 * 64);
      });
    },
  });
}
