/** Places in traces: what is read of them, and what requests say afterwards. */
import { latin1Bytes } from "../../src/base/bytes.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { RequestHead } from "../../src/message/exchange.ts";
import { latin1Text, parseFieldLines } from "../../src/message/fields.ts";
import {
  formatTraceparent,
  parseTraceparent,
  readTraceContext,
} from "../../src/message/trace_context.ts";
import { newSpanId, newTraceId } from "../../src/traces/ids.ts";
import { samplerOf } from "../../src/traces/sampler.ts";
import { traceSettings } from "../../src/traces/settings.ts";
import { writeTraceContext } from "../../src/traces/write_context.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const PARENT = `00-${TRACE}-${SPAN}-01`;

/** The examples of the Recommendation, and what it forbids. */
const PARENTS: Record<string, boolean> = {
  [PARENT]: true,
  [`00-${TRACE}-${SPAN}-00`]: true,
  [`00-${TRACE}-${SPAN}-ff`]: true,
  [`cc-${TRACE}-${SPAN}-01`]: true,
  [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`]: true,
  [`cc-${TRACE}-${SPAN}-01.what`]: false,
  [`ff-${TRACE}-${SPAN}-01`]: false,
  [`00-${TRACE}-${SPAN}-01-more`]: false,
  [`00-${TRACE}-${SPAN}-01-`]: false,
  [`00-${"0".repeat(32)}-${SPAN}-01`]: false,
  [`00-${TRACE}-${"0".repeat(16)}-01`]: false,
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`]: false,
  [`00-${TRACE}-${SPAN}`]: false,
  [`00-${TRACE}-${SPAN}-1`]: false,
  [`0-${TRACE}-${SPAN}-01`]: false,
  [`00-${TRACE}${SPAN}-01`]: false,
  "": false,
};

for (const [text, isValid] of Object.entries(PARENTS)) {
  Deno.test(`traceparent ${JSON.stringify(text)} is ${isValid ? "taken" : "refused"}`, () => {
    const said = parseTraceparent(text);
    assertEquals(said !== null, isValid);
    if (said !== null) assertEquals([said.traceId, said.spanId], [TRACE, SPAN]);
  });
}

/** A head with these field lines, whose authority is its Host, and one parameter. */
function headOf(fields: string): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  const before = "xyz";
  const text = `${before}/a?b${fields}PARAMS`;
  head.block = latin1Bytes(text);
  head.targetStart = before.length;
  head.targetEnd = head.fieldsStart = before.length + 4;
  head.fieldsEnd = head.paramsStart = head.fieldsStart + fields.length;
  head.paramsEnd = text.length;
  head.authorityStart = text.indexOf("example");
  head.authorityEnd = head.authorityStart + "example.com".length;
  return head;
}

function partsOf(head: RequestHead): string[] {
  const { block } = head;
  const ranges = [
    [head.targetStart, head.targetEnd],
    [head.authorityStart, head.authorityEnd],
    [head.paramsStart, head.paramsEnd],
  ];
  return ranges.map(([start, end]) => latin1Text(block, start, end));
}

const NEW = { traceId: "1".repeat(32), spanId: "2".repeat(16), flags: 1 };
const NEW_VALUE = formatTraceparent(NEW);
const HOST = ["Host", "example.com"];

/** Field lines, and the fields after another place was written. */
const WRITTEN: Record<string, readonly [lines: string, fields: string[][]]> = {
  "nothing before": ["Host: example.com\r\nA: b\r\n", [HOST, ["A", "b"], [
    "traceparent",
    NEW_VALUE,
  ]]],
  "a place, in any case, with blanks": [
    `TraceParent:  ${PARENT} \r\nHost: example.com\r\ntracestate: a=1\r\n`,
    [["TraceParent", NEW_VALUE], HOST, ["tracestate", "a=1"]],
  ],
  "a place of a later version": [
    `traceparent: cc-${TRACE}-${SPAN}-01-x\r\nHost: example.com\r\nTraceState: a=1\r\n`,
    [HOST, ["TraceState", "a=1"], ["traceparent", NEW_VALUE]],
  ],
  "a malformed place loses its state, too": [
    `tracestate: a=1\r\ntraceparent: 00-${TRACE}\r\nHost: example.com\r\n`,
    [HOST, ["traceparent", NEW_VALUE]],
  ],
  "two places are none": [
    `traceparent: ${PARENT}\r\nHost: example.com\r\ntraceparent: ${PARENT}\r\n`,
    [HOST, ["traceparent", NEW_VALUE]],
  ],
  "names that only begin so": [
    `traceparents: 1\r\nHost: example.com\r\nx-traceparent: 2\r\n`,
    [["traceparents", "1"], HOST, ["x-traceparent", "2"], ["traceparent", NEW_VALUE]],
  ],
};

for (const [what, [lines, fields]] of Object.entries(WRITTEN)) {
  Deno.test(`a request gets another place in its trace: ${what}`, () => {
    const head = headOf(lines);
    writeTraceContext(head, NEW, readTraceContext(head));
    const { block, fieldsStart, fieldsEnd } = head;
    assertEquals(parseFieldLines(block, fieldsStart, fieldsEnd), fields);
    assertEquals(partsOf(head), ["/a?b", "example.com", "PARAMS"]);
    assertEquals(readTraceContext(head)?.spanId, NEW.spanId);
  });
}

Deno.test("a request without parameters has none afterwards", () => {
  const head = headOf("Host: example.com\r\n");
  head.paramsStart = head.paramsEnd = 0;
  writeTraceContext(head, NEW, null);
  assertEquals(partsOf(head), ["/a?b", "example.com", ""]);
});

Deno.test("several states are one list, and one that is far too long is left out", () => {
  const lines = (state: string) =>
    `traceparent: ${PARENT}\r\ntracestate: a=1\r\ntracestate: ${state}\r\n`;
  assertEquals(readTraceContext(headOf(lines("b=2")))?.state, "a=1,b=2");
  assertEquals(readTraceContext(headOf(lines("c".repeat(9_000))))?.state, "");
});

Deno.test("numbers are random, and never zero", () => {
  const ids = new Set(Array.from({ length: 2_000 }, () => newTraceId() + newSpanId()));
  assertEquals(ids.size, 2_000);
  for (const id of ids) assert(/^[0-9a-f]{48}$/.test(id), id);
});

Deno.test("samplers decide as their names say, and all alike for a trace", () => {
  const parents = [null, { traceId: TRACE, spanId: SPAN, flags: 1, state: "" }, {
    ...{ traceId: TRACE, spanId: SPAN, flags: 0, state: "" },
  }];
  const decisions: Record<string, boolean[]> = {
    always_on: [true, true, true],
    always_off: [false, false, false],
    parentbased_always_on: [true, true, false],
    parentbased_always_off: [false, true, false],
  };
  for (const [name, expected] of Object.entries(decisions)) {
    assertEquals(parents.map((parent) => samplerOf(name)(parent)), expected, name);
  }
  for (const ratio of [0, 0.1, 1]) {
    const sampler = samplerOf("traceidratio", String(ratio));
    const parents = Array.from({ length: 4_000 }, () => ({
      ...{ traceId: newTraceId(), spanId: SPAN, flags: 0, state: "" },
    }));
    const chosen = parents.filter(sampler);
    const begun = parents.filter(() => sampler(null));
    for (const { length } of [chosen, begun]) {
      assert(Math.abs(length / parents.length - ratio) < 0.04, `${ratio}: ${length}`);
    }
    assertEquals(parents.filter(samplerOf("traceidratio", String(ratio))), chosen);
  }
});

/** Variables, and what they come to. */
const SETTINGS: Record<string, readonly [Record<string, string>, object | null | RegExp]> = {
  "nothing": [{}, null],
  "a collector": [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4318/" },
    { url: "http://a:4318/v1/traces", headers: {}, resource: { "service.name": "gatehouse" } },
  ],
  "a URL of its own": [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://b/x" },
    { url: "https://b/x" },
  ],
  "headers, a name and attributes": [
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://a",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x, b=2",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=other,zone=1",
      OTEL_SERVICE_NAME: "shop",
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
    },
    {
      headers: { authorization: "Bearer x", b: "2" },
      resource: { "service.name": "shop", zone: "1" },
      timeoutMs: 500,
    },
  ],
  "off": [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_SDK_DISABLED: "true" }, null],
  "no exporter": [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_TRACES_EXPORTER: "none" }, null],
  "no URL": [{ OTEL_EXPORTER_OTLP_ENDPOINT: "a:4318" }, /takes a URL/],
  "another protocol": [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    /takes http\/protobuf here/,
  ],
  "an unknown sampler": [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_TRACES_SAMPLER: "always_onn" },
    /did you mean always_on\?/,
  ],
  "a ratio that is none": [
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://a",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "2",
    },
    /a ratio from 0 to 1/,
  ],
  "a secret that is not told": [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_EXPORTER_OTLP_HEADERS: "sesame" },
    /^(?!.*sesame)/,
  ],
};

for (const [what, [variables, expected]] of Object.entries(SETTINGS)) {
  Deno.test(`the variables say: ${what}`, () => {
    const settings = () => traceSettings(new Map(Object.entries(variables)));
    if (expected instanceof RegExp) {
      const { message } = assertThrows(settings, ConfigError);
      assert(expected.test(message), message);
      return;
    }
    const found = settings();
    if (found === null || expected === null) assertEquals(found, expected);
    else assertEquals(found, { ...found, ...expected });
  });
}
