/** Access log lines: as they are written, and as they are read again. */
import { ConfigError } from "../../src/base/errors.ts";
import { latin1Bytes } from "../../src/base/bytes.ts";
import { RequestHead } from "../../src/message/exchange.ts";
import { requestIdOf } from "../../src/message/request_id.ts";
import { parseLogFormat } from "../../src/logs/format.ts";
import { LineBuffer } from "../../src/logs/line_buffer.ts";
import { MAX_LINE_CHARS, readAnyLine, readerOf } from "../../src/logs/line_reader.ts";
import { LineWriter } from "../../src/logs/line_writer.ts";
import { MAX_VALUE_BYTES } from "../../src/logs/values.ts";
import { RequestRecord } from "../../src/observe/request_record.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";

const STARTED_AT_MS = Date.UTC(2026, 11, 1, 1, 50, 14, 7);

/** A record of a request for `target` with these field lines. */
function recordOf(target: string, fields = "", more: Partial<RequestRecord> = {}): RequestRecord {
  const record = new RequestRecord();
  const head = new RequestHead();
  head.method = "GET";
  head.block = latin1Bytes(`${target}${fields}`);
  head.targetEnd = head.fieldsStart = target.length;
  head.fieldsEnd = head.paramsStart = head.paramsEnd = head.block.length;
  head.peer = {
    ...head.peer,
    remoteAddr: { transport: "tcp", hostname: "203.0.113.9", port: 1 },
  };
  return Object.assign(record, {
    head,
    mount: "/",
    status: 200,
    bytesIn: 3,
    bytesOut: 1_234,
    startedAtMs: STARTED_AT_MS,
    firstByteMs: 1.5,
    durationMs: 12.3456,
    worker: 2,
    generation: 1,
    ...more,
  });
}

function lineOf(format: string, record: RequestRecord): string {
  const line = new LineBuffer();
  new LineWriter(parseLogFormat(format, "--access-log-format"), 77).write(line, record);
  return new TextDecoder().decode(line.bytes.subarray(0, line.length));
}

const FIELDS = 'Host: a\r\nREFERER:  http://b/c\r\nUser-Agent: Mozilla "5"\r\n';
const COMMON = '203.0.113.9 - - [01/Dec/2026:01:50:14 +0000] "GET /a?b HTTP/1.1" 200 1234';

const LINES: Record<string, readonly [format: string, RequestRecord, line: string]> = {
  "common": ["common", recordOf("/a?b", FIELDS), COMMON],
  "combined, with quotes that end nothing": [
    "combined",
    recordOf("/a?b", FIELDS),
    String.raw`${COMMON} "http://b/c" "Mozilla \x225\x22"`,
  ],
  "combined, of a request without the fields": [
    "combined",
    recordOf("/a?b", "Host: a\r\n"),
    `${COMMON} "-" "-"`,
  ],
  "no bytes are a dash in common": [
    "common",
    recordOf("/a?b", "", { bytesOut: 0 }),
    COMMON.replace("1234", "-"),
  ],
  "a request that ended without an answer": [
    "%s %{first-byte}g %{outcome}g",
    recordOf("/", "", { status: 0, firstByteMs: -1, outcome: "client left" }),
    "000 - client-left",
  ],
  "all directives": [
    "%a %l %u %m %U %q %H %>s %B %O %I %D %T %P %% %{target}g %{duration}g %{first-byte}g %{queued}g " +
    "%{endpoint}g %{scheme}g %{mount}g %{worker}g %{generation}g %{request-id}g %{outcome}g %{host}i",
    recordOf("/a?b", FIELDS),
    "203.0.113.9 - - GET /a ?b HTTP/1.1 200 1234 1234 3 12346 0.012346 77 % /a?b 12.346 1.500 0.000 " +
    "http http / 2 1 ID answered a",
  ],
  "JSON": [
    "json",
    recordOf("/a?b", FIELDS),
    '{"time":"2026-12-01T01:50:14.007Z","client":"203.0.113.9","method":"GET","target":"/a?b",' +
    '"protocol":"HTTP/1.1","status":200,"bytesIn":3,"bytesOut":1234,"durationMs":12.346,' +
    '"firstByteMs":1.500,"endpoint":"http","scheme":"http","mount":"/","worker":2,"generation":1,' +
    '"requestId":"ID","referer":"http://b/c","userAgent":"Mozilla \\"5\\"","outcome":"answered",' +
    '"process":77}',
  ],
};

for (const [what, [format, record, line]] of Object.entries(LINES)) {
  Deno.test(`a line: ${what}`, () => {
    assertEquals(lineOf(format, record), `${line.replace("ID", requestIdOf(record.head))}\n`);
  });
}

/** What clients send to be taken for something else, and what is in a line of it. */
const ATTACKS: Record<string, readonly [value: string, text: string, json: string]> = {
  "a line end": ["a\rb\x0b", "a\\x0db\\x0b", "a\\rb\\u000b"],
  "an escape sequence": ["\x1b[2J\x9b2J", "\\x1b[2J\\x9b2J", "\\u001b[2J\\u009b2J"],
  "a quote, and what follows": ['" 200 1 "', "\\x22 200 1 \\x22", '\\" 200 1 \\"'],
  "a backslash": ["\\x22", "\\x5cx22", "\\\\x22"],
  "UTF-8": [
    "\xc3\xa4\xe2\x80\xae",
    "\\xc3\\xa4\\xe2\\x80\\xae",
    "\\u00c3\\u00a4\\u00e2\\u0080\\u00ae",
  ],
  "NUL and DEL": ["\0\x7f", "\\x00\\x7f", "\\u0000\\u007f"],
  "a password": ["http://ann:sesame@b/", "http://ann:***@b/", "http://ann:***@b/"],
  "a password that a limit cuts": [
    `http://ann:${"x".repeat(MAX_VALUE_BYTES)}@b/`,
    "http://ann:***@b/",
    "http://ann:***@b/",
  ],
  "a value that is too long": [
    "y".repeat(MAX_VALUE_BYTES + 1),
    `${"y".repeat(MAX_VALUE_BYTES)}...`,
    `${"y".repeat(MAX_VALUE_BYTES)}...`,
  ],
};

for (const [what, [value, text, json]] of Object.entries(ATTACKS)) {
  Deno.test(`nothing in a line is obeyed: ${what}`, () => {
    const record = recordOf("/a", `Referer: ${value}\r\n`);
    assertEquals(lineOf('"%{Referer}i"', record), `"${text}"\n`);
    assertEquals(lineOf("[%{Referer}i]", record), `[${text.replaceAll(" ", "\\x20")}]\n`);
    const line = lineOf("json", record);
    assert(line.includes(`"referer":"${json}"`), line);
    assertEquals(line.indexOf("\n"), line.length - 1);
    JSON.parse(line);
    assertEquals(
      lineOf("%r", recordOf(value)),
      `${text.replace(/^/, "GET ")} HTTP/1.1\n`
        .replaceAll(" ", "\\x20").replace("GET\\x20", "GET ").replace("\\x20HTTP", " HTTP"),
    );
  });
}

Deno.test("no byte of a request ends its line, or one of its values", () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
  const record = recordOf(bytes, `User-Agent: ${bytes.replaceAll("\n", "")}\r\n`);
  for (const format of ["common", "combined", "json"]) {
    const line = lineOf(format, record);
    assert(/^[\x20-\x7e]+\n$/.test(line), format);
    assert(readAnyLine(line.trimEnd()) !== null, format);
  }
});

/** Formats whose values clients would end by themselves, if what follows could stand in a value. */
const SEPARATED = [
  '%h,%{user-agent}i,%s,"%r",%{duration}g,%B',
  "%{user-agent}i|%h|%m|%s|%U%q|%B",
  "[%{user-agent}i] [%U] [%s] [%B]",
  "%{user-agent}i; %s; %U; %B",
  '"%{user-agent}i %s" %U %B',
  "%{user-agent}i0-%s-%U-%B",
  "%{referer}i.%{user-agent}i.%s.%U.%B",
  "%r %s %{user-agent}i %B",
  "%r/%s/%{user-agent}i/%B",
  "%U%q,%s,%{user-agent}i,%B",
];
const FORGED = ",200,1 200 1|200|1] [/a] [200] [1]; 200; /; 1 HTTP/1.1 0-200-1.200./a/200/";

for (const format of SEPARATED) {
  Deno.test(`no client forges a value in a line of ${format}`, () => {
    for (const agent of [FORGED, "y".repeat(MAX_VALUE_BYTES + 1), ""]) {
      for (const [method, target] of [["GET", `/a${FORGED}`], ["X|200|1", "200"], ["", "x"]]) {
        const record = recordOf(target, `User-Agent: ${agent}\r\n`, { status: 404 });
        record.head.method = method;
        const line = lineOf(format, record);
        const read = readerOf(parseLogFormat(format, "--format"))(line.trimEnd());
        assertEquals([read?.values.status, read?.bytesOut], ["404", 1_234], line);
      }
    }
  });
}

const WRONG: Record<string, string> = {
  "plain": "common, combined, json, or a format with directives",
  "jsn": "did you mean json?",
  "%": "begins no directive",
  "100% %h": "begins no directive",
  "%Z": "%Z, which is not a directive",
  "%{wroker}g": "did you mean worker?",
  "%{a b}i": "which is not a directive",
  "%h\n": "control character",
  "%h ä": "ASCII",
  "%{referer}ix20%s": "separate them by something else",
};

for (const [format, message] of Object.entries(WRONG)) {
  Deno.test(`the format ${JSON.stringify(format)} is refused`, () => {
    const error = assertThrows(() => parseLogFormat(format, "--access-log-format"), ConfigError);
    assert(error.message.includes(message), error.message);
  });
}

const READABLE: Record<
  string,
  readonly [format: string | null, line: string, read: object | null]
> = {
  "another server's combined": [
    null,
    '::1 - ann [01/Dec/2026:02:50:14 +0100] "GET /a?b HTTP/2.0" 404 - "-" "curl"',
    {
      timeMs: Date.UTC(2026, 11, 1, 1, 50, 14),
      bytesOut: undefined,
      values: {
        ...{ client: "::1", status: "404", method: "GET", protocol: "HTTP/2.0" },
        ...{ target: "/a?b", path: "/a" },
      },
    },
  ],
  "Spawning's, with a time at its end": [
    null,
    '127.0.0.1 - - [01/Dec/2026:01:50:14 +0000] "GET / HTTP/1.1" 200 137 0.001250',
    {
      timeMs: Date.UTC(2026, 11, 1, 1, 50, 14),
      bytesOut: 137,
      durationMs: 1.25,
      values: {
        ...{ client: "127.0.0.1", status: "200", method: "GET", protocol: "HTTP/1.1" },
        ...{ target: "/", path: "/" },
      },
    },
  ],
  "no log line": [null, "worker 1 died", null],
  "JSON that is no line": [null, "{", null],
  "JSON without anything": [null, "{}", { values: {} }],
  "JSON whose values have no text": [
    null,
    `{"status":{"toString":1},"method":${"[".repeat(20_000)}${"]".repeat(20_000)},"client":null,` +
    '"target":[],"time":{},"worker":2,"mount":true}',
    { values: { worker: "2", mount: "true" } },
  ],
  "numbers that none can be, of which sums would be none": [
    null,
    '{"durationMs":1e999,"bytesOut":-1,"status":200}',
    { values: { status: "200" } },
  ],
  "more digits than a number has": [
    null,
    `::1 - - [01/Dec/2026:01:50:14 +0000] "-" 200 ${"9".repeat(400)} ${"9".repeat(400)}.0`,
    {
      timeMs: Date.UTC(2026, 11, 1, 1, 50, 14),
      values: { client: "::1", status: "200", target: "-", path: "-" },
    },
  ],
  "what should be a number and is none": ["%B %D", "many ", { values: {} }],
  "a format, and a line of another": ["%h %s", "127.0.0.1", null],
  "a format with more after it": ["%h %s", "127.0.0.1 200 x", {
    values: { client: "127.0.0.1", status: "200 x" },
  }],
};

for (const [what, [format, line, expected]] of Object.entries(READABLE)) {
  Deno.test(`read from a log: ${what}`, () => {
    const read = format === null
      ? readAnyLine(line)
      : readerOf(parseLogFormat(format, "--format"))(line);
    if (read === null || expected === null) assertEquals(read, expected);
    else assertEquals(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(expected)));
  });
}

Deno.test("the longest lines that are written are lines for who reads them", () => {
  const value = "\x01".repeat(MAX_VALUE_BYTES + 1);
  const record = recordOf(`/${value}`, `Referer: ${value}\r\nUser-Agent: ${value}\r\n`, {
    mount: `/${"m".repeat(MAX_VALUE_BYTES)}`,
  });
  for (const format of ["json", "combined"]) {
    const line = lineOf(format, record).trimEnd();
    assert(line.length > 3 * 4 * MAX_VALUE_BYTES && line.length < MAX_LINE_CHARS, format);
    assertEquals(readAnyLine(line)?.values.status, "200", format);
  }
});

Deno.test("numbers of any size are written as they are", () => {
  const line = new LineBuffer();
  for (const number of [0, 7, 10, 99, 100, 999, 1_000, 46_655, 1_679_616, 2 ** 30, 2 ** 45 + 1]) {
    const forms: [string, () => void][] = [
      [String(number), () => line.whole(number)],
      [number.toString(36), () => line.base36(number)],
      [(number / 8).toFixed(3), () => line.thousandths(number / 8)],
    ];
    for (const [text, write] of forms) {
      line.length = 0;
      write();
      assertEquals(new TextDecoder().decode(line.bytes.subarray(0, line.length)), text);
    }
  }
});

Deno.test("what is kept for lines in JSON is that of each: clients, places, statuses, milliseconds", () => {
  const line = new LineBuffer();
  const writer = new LineWriter(parseLogFormat("json", "--access-log-format"), 77);
  const hosts = ["203.0.113.9", "2001:db8::1", "9".repeat(5_000)];
  const mounts = ["/", "/a", "/b", '/"\u{e9}'];
  for (let i = 0; i < 600; i++) {
    const worker = i % 7;
    const record = recordOf(`/${i}`, "", {
      ...{ mount: mounts[i % 4], worker, generation: i % 3, status: 200 + i % 300 },
      ...{ startedAtMs: STARTED_AT_MS + i * 77, bytesIn: i % 5, bytesOut: i * i },
    });
    const { head } = record;
    const hostname = hosts[i % 3];
    head.peer = {
      ...{ ...head.peer, scheme: i % 2 === 0 ? "http" : "https" },
      remoteAddr: { transport: "tcp", hostname, port: 1 },
    };
    line.length = 0;
    writer.write(line, record);
    const said = JSON.parse(new TextDecoder().decode(line.bytes.subarray(0, line.length)));
    assertEquals(
      [said.time, said.client, said.method, said.target, said.status, said.bytesIn, said.bytesOut],
      [
        ...[new Date(record.startedAtMs).toISOString(), hostname, "GET", `/${i}`],
        ...[record.status, record.bytesIn, record.bytesOut],
      ],
    );
    assertEquals(
      [said.scheme, said.worker, said.generation, said.requestId],
      [record.scheme, worker, record.generation, requestIdOf(head)],
    );
    assertEquals(said.mount, i % 4 === 3 ? '/"\u{c3}\u{a9}' : record.mount);
  }
});

Deno.test("what is written is read again, in all formats", () => {
  const record = recordOf('/a "b"?c=http://u:p@h/', FIELDS);
  const formats = ["json", "common", "combined", '%T %s "%r" %{mount}g %t [%B]'];
  for (const format of formats) {
    const read = readerOf(parseLogFormat(format, "--format"));
    const line = lineOf(format, record).trimEnd();
    const { values, timeMs, bytesOut } = read(line)!;
    assertEquals(values.target, '/a "b"?c=http://u:***@h/', line);
    assertEquals([values.path, values.status, values.method], ['/a "b"', "200", "GET"], line);
    assertEquals(Math.floor(timeMs! / 1_000), Math.floor(STARTED_AT_MS / 1_000), line);
    assertEquals(bytesOut, 1_234, line);
  }
});

for (const format of ["json", "combined"]) {
  Deno.test(`lines in ${format} are the same wherever the buffer has to grow`, () => {
    const line = new LineBuffer();
    const writer = new LineWriter(parseLogFormat(format, "--access-log-format"), 77);
    const expected: string[] = [];
    for (let length = 0; length < 1_100; length++) {
      const record = recordOf(`/${"a".repeat(length)}`, FIELDS);
      record.head.peer = {
        ...record.head.peer,
        remoteAddr: { transport: "tcp", hostname: "1".repeat((length * 7) % 1_500), port: 1 },
      };
      writer.write(line, record);
      expected.push(lineOf(format, record));
    }
    assertEquals(new TextDecoder().decode(line.bytes.subarray(0, line.length)), expected.join(""));
  });
}
