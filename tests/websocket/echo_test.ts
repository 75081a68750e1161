/** The cases over TCP, against the codec on a listener; npm `ws` must see them as we do. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { assert, assertEquals } from "../support/assert.ts";
import type { SocketCase } from "./cases/case.ts";
import { CASES } from "./cases/cases.ts";
import { COMPRESSED_FRAMES, COMPRESSION } from "./cases/compression.ts";
import type { CaseServer } from "./cases/driver.ts";
import { drive, driveCompression } from "./cases/driver.ts";
import { EchoServer } from "./cases/echo_server.ts";

/** Conversations at a time. */
const LANES = 16;
const ALL: readonly (SocketCase & { readonly offer?: string })[] = [
  ...Object.values(CASES).flat(),
  ...COMPRESSED_FRAMES,
];

/** Does `run` for all `items`, some at a time. */
async function inLanes<Item>(items: readonly Item[], run: (item: Item) => Promise<void>) {
  let next = 0;
  const lane = async () => {
    while (next < items.length) await run(items[next++]);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function serverAt({ port }: { readonly port: number }): CaseServer {
  return { port, path: "/" };
}

/** The cases by their limits, each set of which takes a server. */
function byLimits(): Map<string, (typeof ALL)[number][]> {
  return Map.groupBy(ALL, ({ limits }) => JSON.stringify(limits ?? {}));
}

Deno.test("an echo server over TCP does what each case says", async () => {
  let count = 0;
  for (const [limits, cases] of byLimits()) {
    await using server = new EchoServer(JSON.parse(limits));
    await inLanes(cases, async (each) => {
      for (const pieceBytes of [Infinity, 1]) {
        if (pieceBytes === 1 && each.sends.length > 300) continue;
        const { answers, end } = await drive(serverAt(server), each, pieceBytes);
        assertEquals(end, each.end, each.name);
        assertEquals(answers.length, each.answers.length, each.name);
        assert(answers.every((text, at) => text === each.answers[at]), each.name);
      }
      count++;
    });
  }
  assert(count > 450, `${count} cases`);
});

Deno.test("compressed messages come back on all terms", async () => {
  assert(COMPRESSION.length > 200);
  await using server = new EchoServer();
  await inLanes(COMPRESSION, async (each) => {
    assertEquals(
      await driveCompression(serverAt(server), each),
      { answers: [], end: "open" },
      each.name,
    );
  });
});

/** What is used of a socket of npm `ws`. */
interface PeerSocket {
  on(event: string, listener: (...args: unknown[]) => void): void;
  send(data: unknown, options: { readonly binary: boolean }): void;
}

/** Cases in which it differs, and why. */
const PEER_DIFFERS: Readonly<Record<string, string>> = {
  "a length of 0 in two bytes": "it does not ask for the shortest form",
  "a length of 125 in two bytes": "the same",
  "a length of 0 in eight bytes": "the same",
  "a length of 125 in eight bytes": "the same",
  "a length of 126 in eight bytes": "the same",
  "a length of 65535 in eight bytes": "the same",
  "a length of a first bit that is set": "it says 1009",
  "a length of nothing but bits that are set": "the same",
  "a message in 9 frames where 8 are taken": "it does not count frames",
  "what is not compressed, and says so": "zlib's streams tell it of the fault too late, on Deno",
  "a text that refers to nothing": "the same",
  "as much as is taken, which cannot be compressed":
    "its limit is that of the compressed bytes, too",
};

/** An echo server of npm `ws`. */
class PeerServer implements AsyncDisposable {
  readonly #http = createServer();
  readonly #sockets: WebSocketServer;

  private constructor(maxPayload: number) {
    const perMessageDeflate = { threshold: 64 };
    this.#sockets = new WebSocketServer({ server: this.#http, perMessageDeflate, maxPayload });
    this.#sockets.on("connection", (socket: PeerSocket) => {
      socket.on("error", () => {});
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary as boolean }));
    });
  }

  static async start(maxPayload: number): Promise<PeerServer> {
    const server = new PeerServer(maxPayload);
    await new Promise<void>((resolve) => server.#http.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#sockets.close();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

Deno.test("npm ws sees the cases as we do", async () => {
  const faults: string[] = [];
  for (const [limits, cases] of byLimits()) {
    const { maxMessageBytes } = JSON.parse(limits);
    await using server = await PeerServer.start(maxMessageBytes ?? 16_777_216);
    const others = cases.filter(({ name, isEarly }) => !isEarly && !(name in PEER_DIFFERS));
    await inLanes(others, async (each) => {
      const { answers, end } = await drive(serverAt(server), each);
      const isSame = end === each.end && answers.length === each.answers.length &&
        answers.every((text, at) => text === each.answers[at]);
      if (!isSame) faults.push(`${each.name}: ${end}, ${answers.length} answers`);
    });
  }
  assertEquals(faults, []);
});
