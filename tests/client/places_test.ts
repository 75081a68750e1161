import { serve } from "gatehouse";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import { inFolder } from "../support/processes.ts";
import { test } from "../support/strict.ts";
import { resolveTarget } from "../../src/client/dial.ts";
import { HttpConversation } from "../../src/client/http_conversation.ts";
import { exchangeOnce } from "../../src/client/one_exchange.ts";
import { httpRequest } from "../../src/client/prepared_request.ts";
import { parseTarget } from "../../src/client/target.ts";
import { sum } from "../../src/load/group_record.ts";
import { ClosedLoop } from "../../src/load/pace.ts";
import { systemAddress } from "../../src/load/polled/sockets.ts";
import { runGroups } from "../../src/load/run.ts";

const GET = { method: "GET", fields: [], body: { kind: "none" } } as const;

/** Asks for `url` once; whether it went well, and what was noted. */
async function askOnce(url: string, caCerts?: readonly string[]) {
  const target = parseTarget(url);
  const notes: string[] = [];
  const conversation = new HttpConversation();
  const request = httpRequest(target, GET);
  const isGood = await exchangeOnce(
    { target, request, conversation, timeoutMs: 20_000, caCerts },
    { note: (_, text) => void notes.push(text), sent() {}, received() {} },
  );
  return { isGood, notes, conversation };
}

/** Sends 6 requests for `url`. */
async function askOften(
  url: string,
  sockets: "system" | "platform",
  caCerts?: readonly string[],
) {
  const target = parseTarget(url);
  const server = await resolveTarget(target);
  const { groups: [group] } = await runGroups(
    () => [{
      name: url,
      server,
      request: httpRequest(target, GET),
      connections: 2,
      pace: new ClosedLoop(Infinity, 6),
      caCerts,
      converse: () => new HttpConversation(),
    }],
    { warmUpMs: 0, durationMs: Infinity, timeoutMs: 20_000 },
    { serverPid: null, sockets, signal: new AbortController().signal, onProgress() {} },
  );
  return group;
}

test("servers are asked at unix sockets and over IPv6, with either kind of sockets", async () => {
  await inFolder({}, async (folder) => {
    await using server = await serve({
      app: () => new Response("near"),
      http: [`unix:${folder}/a.sock`, "[::1]:0"],
      log: () => {},
    });
    const { port } = server.addresses[1] as Deno.NetAddr;
    for (const url of [`http+unix:${folder}/a.sock:/b`, `http://[::1]:${port}/`]) {
      const { isGood, notes } = await askOnce(url);
      assert(isGood, notes.join("\n"));
      for (const sockets of ["system", "platform"] as const) {
        const group = await askOften(url, sockets);
        assertEquals([group.answered, group.connects, sum(group.failures)], [6, 2, 0], url);
      }
    }
    const missing = await askOften(`http+unix:${folder}/none.sock`, "system");
    assertEquals([missing.answered, sum(missing.failures)], [0, 6]);
    assertMatch([...missing.failures.keys()].join(), /No such file/);
  });
});

Deno.test("addresses are given to the system in its own form", () => {
  const hex = (hostname: string, port = 258) => {
    const bytes = systemAddress({ transport: "tcp", hostname, port });
    return bytes && Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  assertEquals(hex("127.0.0.1"), "020001027f0000010000000000000000");
  const ipv6 = (address: string) => `0a00010200000000${address}00000000`;
  assertEquals(hex("::1"), ipv6("00000000000000000000000000000001"));
  assertEquals(hex("::"), ipv6("00000000000000000000000000000000"));
  assertEquals(hex("1:2:3:4:5:6:7:8"), ipv6("00010002000300040005000600070008"));
  assertEquals(hex("fe80::a:b"), ipv6("fe8000000000000000000000000a000b"));
  assertEquals(hex("::ffff:127.0.0.1"), ipv6("00000000000000000000ffff7f000001"));
  for (const wrong of ["name.example", "fe80::1%eth0", "1::2::3", "", "1.2.3"]) {
    assertEquals(hex(wrong), null, wrong);
  }
  assertEquals(systemAddress({ transport: "unix", path: "x".repeat(108) }), null);
});

// The server looks after its TLS connections for a while after they were closed.
const lasting = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "servers are asked over TLS, and only those whose certificates are trusted",
  lasting,
  async () => {
    await inFolder({}, async (folder) => {
      const { cert, keyFile } = await makeOwnCertificate(folder);
      await using server = await serve({
        app: () => new Response("secret"),
        https: "127.0.0.1:0",
        cert,
        key: await Deno.readTextFile(keyFile),
        log: () => {},
      });
      const { port } = server.addresses[0] as Deno.NetAddr;
      const { isGood, notes, conversation } = await askOnce(`https://127.0.0.1:${port}/`, [cert]);
      assert(isGood, notes.join("\n"));
      assert(notes.includes("TLS is ready"));
      assertEquals(conversation.bodyBytes, 6);
      const stranger = await askOnce(`https://127.0.0.1:${port}/`);
      assertEquals(stranger.isGood, false);
      assertMatch(stranger.notes.at(-1)!, /^failed: no TLS with https:.*certificate/i);
      // The system's sockets have no TLS: the platform's are taken.
      const group = await askOften(`https://127.0.0.1:${port}/`, "system", [cert]);
      assertEquals([group.answered, sum(group.failures)], [6, 0]);
    });
  },
);
