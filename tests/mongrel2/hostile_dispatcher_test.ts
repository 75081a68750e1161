import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FakeDispatcher } from "../support/fake_dispatcher.ts";
import { startGateway } from "../support/gateway.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { Random } from "../support/random.ts";
import type { DispatcherMessage } from "../../src/dispatch/codec/dispatch_message.ts";

const ignore = libzmqIsMissing();
const encoder = new TextEncoder();
const APP = "export default { fetch: () => new Response('fine') };\n";

function message(conn: string, path: string, headers: object, body = ""): string {
  const json = JSON.stringify({ PATH: path, URI: path, VERSION: "HTTP/1.1", ...headers });
  return `server ${conn} ${path} ${json.length}:${json},${body.length}:${body},`;
}

const GET = { METHOD: "GET", host: "localhost" };
/** Messages of Mongrel2, good and bad ones. */
const PAYLOADS: readonly string[] = [
  message("1", "/", GET),
  message("2", "/", { ...GET, METHOD: "POST" }, "body"),
  message("3", "/", { METHOD: "WEBSOCKET", FLAGS: "0x81" }, "hello"),
  message("3", "/", { METHOD: "WEBSOCKET", FLAGS: "nonsense" }, "hello"),
  message("4", "/", { ...GET, UPLOAD_STREAM: "5" }, "part"),
  message("4", "/", { UPLOAD_STREAM: "99999999999999999999" }, "part"),
  message("5", "/", { ...GET, "x-mongrel2-upload-start": "/etc/passwd" }),
  message("5", "/", {
    ...GET,
    "x-mongrel2-upload-start": "/etc/passwd",
    "x-mongrel2-upload-done": "/etc/passwd",
  }),
  message("6", "@chat", { METHOD: "JSON" }, "{}"),
  message("7".repeat(5_000), "/", GET),
  message("X 1", "/", GET),
  message("8", "http://[", GET),
  message("9", "/", { ...GET, host: ["a", "b"], DOWNLOAD_CREDITS: "-1" }),
  'server 1 @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},',
  'server 1 @* 17:{"METHOD":"JSON"},18:{"type":"credits"},',
  'server 1 @* 17:{"METHOD":"JSON"},4:null,',
  "server 1 / 9999999999:{},0:,",
  "server 1 / 2:{},0:,trailing",
  "\0".repeat(100),
  "",
];

Deno.test({
  name: "a dispatcher that says anything at any time cannot keep a handler from serving",
  ignore,
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      const random = new Random(18);
      await using dispatcher = new FakeDispatcher();
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--mongrel2",
        `dispatch+${dispatcher.endpoint},name=it`,
      ]);
      const to = await dispatcher.welcome();
      const say = (said: DispatcherMessage) => dispatcher.say(to, said);
      for (let i = 0; i < 3_000; i++) {
        const payload = encoder.encode(random.pick(PAYLOADS));
        const request = random.below(40);
        const said: readonly DispatcherMessage[] = [
          { kind: "request", request, payload },
          { kind: "request", request: Number.MAX_SAFE_INTEGER, payload },
          { kind: "notice", payload },
          { kind: "ping" },
          { kind: "who" },
          { kind: "left" },
          { kind: "refused", reason: "\x1b[2Jevil\nline" },
          { kind: "welcome", version: 1, pingIntervalMs: 60_000 },
          { kind: "welcome", version: 9, pingIntervalMs: 1 },
        ];
        // Requests come more often than what makes the handler begin anew.
        await say(said[random.below(random.below(4) === 0 ? said.length : 3)]);
        if (random.below(50) === 0) {
          await dispatcher.sayParts(to, [new Uint8Array(random.below(30)), payload]);
        }
      }
      for (let i = 0; i < 500; i++) {
        await say({ kind: "who" });
        await say({ kind: "welcome", version: 1, pingIntervalMs: 60_000 });
      }
      const good = encoder.encode(message("123", "/", GET));
      await say({ kind: "request", request: 1_000, payload: good });
      for (;;) {
        const { message: reply } = await dispatcher.nextOf("reply");
        if (reply.request !== 1_000) continue;
        assertMatch(new TextDecoder().decode(reply.payload), /^server 3:123, HTTP\/1\.1 200 OK/);
        break;
      }
      assertEquals(gateway.log.filter((line) => line.startsWith("line")), []);
      // What is told of the dispatcher's faults is bounded.
      const told = gateway.log.filter((line) => line.includes("is a handler of the dispatcher"));
      assert(told.length < 200, `${told.length} lines`);
      assert(gateway.log.length < 1_000, `${gateway.log.length} lines`);
    }),
});
