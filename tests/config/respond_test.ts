/** `gatehouse respond`, and responses among what is mounted: what they take, and what is wrong with them. */
import { ConfigError, ConfigFileError } from "../../src/base/errors.ts";
import { parseCommand, parseCommandLine } from "../../src/config/command_line.ts";
import { configText } from "../../src/config/config_show.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import type { RespondSettings } from "../../src/config/respond_options.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { RequestParser } from "../../src/http1/codec/parser.ts";
import type { CannedResponse } from "../../src/respond/canned_response.ts";
import { RequestValues } from "../../src/respond/request_values.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import { peersOf } from "../support/protocol_heads.ts";

/** What `response` is for a request of `/old/a?b`: code, reason, field lines and body. */
function made(response: CannedResponse, prefix = "/old"): unknown[] {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS, peersOf("http").http);
  parser.push(bytesOf("GET /old/a?b HTTP/1.1\r\nHost: example.com\r\n\r\n"));
  parser.next();
  const { status, reason, fieldLines, body } = response.make(
    new RequestValues(parser.head, { kind: "mount", prefix }),
  );
  return [status, reason, fieldLines, new TextDecoder().decode(body)];
}

async function respondOf(...words: string[]): Promise<RespondSettings> {
  const command = await parseCommand(["respond", ...words], { ...NO_SOURCES, cwd: "/srv" });
  assert(command.kind === "respond");
  return command.settings;
}

function serveOf(words: string[], env: Record<string, string> = {}): ServeSettings {
  const command = parseCommandLine(words, { ...NO_SOURCES, env });
  assert(command.kind === "serve");
  return command.settings;
}

function fileOf(text: string): ServeSettings {
  const command = parseCommandLine(["--config", "f.ini"], {
    ...NO_SOURCES,
    readTextFile: () => text,
  });
  assert(command.kind === "serve");
  return command.settings;
}

Deno.test("respond takes an endpoint, and what it answers", async () => {
  const { source, response } = await respondOf(
    "tcp://h@127.0.0.1:9999",
    "tcp://127.0.0.1:7000",
    "--code=410",
    "--status",
    "Moved on",
    "-H",
    "X-A: {PATH}",
    "--header=Content-Type: text/html",
    "--body",
    "<p>{PATH}",
  );
  assert("send" in source);
  const { note: _, ...place } = source;
  assertEquals(place, { send: "tcp://127.0.0.1:9999", recv: "tcp://127.0.0.1:7000", ident: "h" });
  assertEquals(made(response), [
    410,
    "Moved on",
    "X-A: /old/a\r\nContent-Type: text/html\r\nx-content-type-options: nosniff\r\n",
    "<p>/old/a",
  ]);
});

Deno.test("respond answers 200 with nothing, unless it is told more", async () => {
  const { source, response } = await respondOf("ipc://a", "ipc://b");
  assertEquals(source, { send: "ipc:///srv/a", recv: "ipc:///srv/b" });
  assertEquals(made(response), [200, undefined, "", ""]);
});

Deno.test("respond takes a dispatcher, or Mongrel2's configuration, and limits", async () => {
  const over = await respondOf("dispatch+tcp://a:1,name=b", "--max-body-bytes=1k");
  assertEquals(over.source, { dispatcher: "tcp://a:1", name: "b" });
  assertEquals(over.limits.maxBodyBytes, 1_024);
  const found = await respondOf("--mongrel2-config", "m2", "--mongrel2-handler=3");
  assertEquals(found.source, { config: "/srv/m2", choice: { handlerId: 3 } });
  const { limits, drainTimeoutMs, logLevel, logFormat } = await respondOf(
    "tcp://a:9",
    "--body-timeout=2",
    "--drain-timeout=0",
    "--log-level=error",
    "--log-format=json",
  );
  assertEquals([limits.bodyIdleTimeoutMs, drainTimeoutMs, logLevel, logFormat], [
    2_000,
    0,
    "error",
    "json",
  ]);
});

const WRONG: [words: string[], message: RegExp][] = [
  [[], /needs the endpoint/],
  [["8000"], /IN: bad Mongrel2 address/],
  [["tcp://a:9,route=mount"], /^IN: ,route= is for apps/],
  [["tcp://a:9,uploads=/u,uploads-start=early"], /^IN: ,uploads-start= is for apps/],
  [["dispatch+tcp://a:9,route=strip"], /^IN: ,route= is for apps/],
  [["tcp://a:9,x=y"], /write tcp:[^;]*\[,uploads=DIR\]$/],
  [["tcp://a:9", "tcp://a:8", "tcp://a:7"], /no "tcp:\/\/a:7"/],
  [["tcp://a:9,recv=tcp://a:7", "tcp://a:8"], /recv is given more than once/],
  [["--mongrel2-config", "f", "tcp://a:9"], /no "tcp:\/\/a:9" beside --mongrel2-config/],
  [["tcp://a:9", "--mongrel2-host", "h"], /need --mongrel2-config/],
  [["dispatch+tcp://a:9", "tcp://a:8"], /dispatcher/],
  [["tcp://a:9", "--code", "99"], /--code/],
  [["tcp://a:9", "--code", "101"], /--code/],
  [["tcp://a:9", "--status", "a\nb"], /--status takes a reason phrase/],
  [["tcp://a:9", "--header", "no colon"], /--header takes 'NAME: VALUE'/],
  [
    ["tcp://a:9", "--header", "X: {PAHT}"],
    /--header: there is no placeholder {PAHT}; did you mean PATH/,
  ],
  [["tcp://a:9", "--body", "{User-Agent}"], /--body: .*lower case: {user-agent}/],
  [["tcp://a:9", "--code", "204", "--body", "x"], /204 has no body/],
  [["tcp://a:9", "--header-Location=/x"], /write --header 'Location: \/x'/],
  [["tcp://a:9", "--cod", "204"], /did you mean --code/],
];
for (const [words, message] of WRONG) {
  Deno.test(`respond ${words.join(" ")} is wrong usage`, async () => {
    const error = await assertRejects(() => respondOf(...words), ConfigError);
    assertEquals(message.test(error.message) || error.message, true);
  });
}

const MOUNTED: [text: string, expected: unknown[]][] = [
  ["respond:404", [404, undefined, "", ""]],
  [
    "respond:302,location=https://example.com{PATH}",
    [302, undefined, "Location: https://example.com/old/a\r\n", ""],
  ],
  [
    "respond:301,location=/new{MATCH},header=Cache-Control: max-age=60,, public",
    [301, undefined, "Location: /new/a\r\nCache-Control: max-age=60, public\r\n", ""],
  ],
  [
    "respond:503,status=Away,body=a,,,,b,, {PATH},header=Retry-After: 5",
    [
      503,
      "Away",
      "Retry-After: 5\r\ncontent-type: text/plain; charset=utf-8\r\n" +
      "x-content-type-options: nosniff\r\n",
      "a,,b, /old/a",
    ],
  ],
  ["respond:200,body=,,", [
    200,
    undefined,
    "content-type: text/plain; charset=utf-8\r\n",
    ",",
  ]],
];
for (const [text, expected] of MOUNTED) {
  Deno.test(`--mount /old=${text} is a response, wherever it is given`, () => {
    const all = [
      serveOf(["app.ts", "--mount", `/old=${text}`]),
      serveOf([], { GATEHOUSE_MOUNT: `/=app.ts /old=${text}` }),
      fileOf(`[server:main]\nmount = /=app.ts\n  /old=${text}\n`),
      fileOf(`[server:main]\nmount = /old=${text} /=app.ts\n`),
    ];
    for (const { responses, mounts } of all) {
      assertEquals(mounts.map(({ prefix }) => prefix), [""]);
      assertEquals(responses.map(({ prefix, text }) => [prefix, text]), [["/old", text]]);
      assertEquals(made(responses[0].response), expected);
    }
  });
}

Deno.test("a response can be all that is served", () => {
  const { responses, mounts } = serveOf(["respond:404"]);
  assertEquals([responses[0].prefix, mounts], ["", []]);
});

Deno.test("sections have responses, with values as they are", () => {
  const settings = fileOf(`
[composite:main]
use = urlmap
/ = site
/old = old

[app:site]
use = app.ts

[app:old]
use = respond:301
location = https://example.com{MATCH}?{QUERY}
header = Cache-Control: max-age=60, public
  X-A: b
body = Gone, to
  {PATH}
`);
  const [{ prefix, response, origin }] = settings.responses;
  assertEquals([prefix, origin], ["/old", "f.ini:11"]);
  assertEquals(made(response), [
    301,
    undefined,
    "Location: https://example.com/a?b\r\nCache-Control: max-age=60, public\r\nX-A: b\r\n" +
    "content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n",
    "Gone, to\n/old/a",
  ]);
  const shown = configText(settings, new Map());
  assertEquals(/ {2}\/old +respond:301 +f\.ini:11\n/.test(shown), true);
});

Deno.test("all that is wrong with a section's response is told, with its line", () => {
  const { problems } = assertThrows(
    () =>
      fileOf(`[app:main]
use = respond:999
location = {user-agent}
header = X: y
  Content-Length: 5
bdy = x
body = {PAHT}
`),
    ConfigFileError,
  );
  const expected = [
    /:2: use: the status code/,
    /:3: location: .*which host/,
    /:5: header: Content-Length/,
    /:6: bdy is not a key.*body/,
    /:7: body: there is no placeholder {PAHT}/,
  ];
  assertEquals(problems.length, expected.length, problems.join("\n"));
  for (const [index, pattern] of expected.entries()) {
    assertEquals(pattern.test(problems[index]) || problems[index], true);
  }
});

const WRONG_MOUNTS: [words: string[], message: RegExp][] = [
  [["--mount", "/a=respond:"], /--mount: the status code/],
  [["--mount", "/a=respond:20"], /--mount: the status code/],
  [["--mount", "/a=respond:302,/x"], /a response has no "\/x"/],
  [["--mount", "/a=respond:302,locaton=/x"], /did you mean location/],
  [["--mount", "/a=respond:302,location="], /location needs a value/],
  [["--mount", "/a=respond:302,location=/x,location=/y"], /more than once/],
  [["--mount", "/a=respond:302,location=/x,header=Location: /y"], /more than once/],
  [["--mount", "/a=respond:200,body=a, b"], /two commas/],
  [["--mount", "/a=respond:200,strip"], /a response has no "strip"/],
  [["--mount", "/a=respond:200,body={X}"], /--mount: body: there is no placeholder {X}/],
  [["--mount", "/a=respond:200", "--mount", "/a=app.ts"], /two apps are mounted at \/a/],
  [["app.ts", "middleware.ts", "--mount", "/a=respond:200"], /no middleware/],
];
for (const [words, message] of WRONG_MOUNTS) {
  Deno.test(`gatehouse ${words.join(" ")} is wrong usage`, () => {
    const error = assertThrows(() => serveOf(words), ConfigError);
    assertEquals(message.test(error.message) || error.message, true);
  });
}

Deno.test("there is no filter around a response of a file", () => {
  const text =
    "[pipeline:main]\npipeline = f old\n[filter:f]\nuse = f.ts\n[app:old]\nuse = respond:302\n";
  const { message } = assertThrows(() => fileOf(text), ConfigError);
  assertStringIncludes(message, "f.ini:6: respond:302 is a response: there can be no middleware");
});
