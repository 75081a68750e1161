/** Traces as a collector gets them. */
import type { Context } from "../../mod.ts";
import { FastCgiClient } from "../../src/fastcgi/client.ts";
import type { Exchange } from "../../src/message/exchange.ts";
import { NO_ANSWER, RequestHead, WHOLE_BODY } from "../../src/message/exchange.ts";
import { latin1Bytes } from "../../src/base/bytes.ts";
import { ObservingHandler } from "../../src/observe/handler.ts";
import { RequestRecord } from "../../src/observe/request_record.ts";
import { TraceExport } from "../../src/traces/exporter.ts";
import { traceSettings } from "../../src/traces/settings.ts";
import { spansOf } from "../../src/traces/spans.ts";
import { Tracer } from "../../src/traces/tracer.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { eventually } from "../support/fastcgi.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { startGateway } from "../support/gateway.ts";
import { Collector } from "../support/otlp.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
/** Asked outside of all tests: the library stays open. */
const HAS_ZMQ = !libzmqIsMissing();
const APP = new URL("../fixtures/traced.ts", import.meta.url).pathname;

function settingsFor(url: string, more: Record<string, string> = {}) {
  const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SERVICE_NAME: "shop", ...more };
  return traceSettings(new Map(Object.entries(variables)))!;
}

/** Traces a request that waits for a worker for a turn, and is answered with `status`, or not at all. */
async function trace(traces: TraceExport, target: string, status: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<Exchange>();
  const handler = new ObservingHandler(
    {
      handle(exchange) {
        exchange.onQueued?.();
        resolve(exchange);
      },
    },
    [],
    traces.tracer,
  );
  const head = new RequestHead();
  head.method = "GET";
  head.block = latin1Bytes(target);
  head.targetEnd = head.fieldsStart = head.fieldsEnd = target.length;
  head.paramsStart = head.paramsEnd = target.length;
  const nothing = () => {};
  handler.handle({
    head,
    receiver: null!,
    reportSent: false,
    congested: false,
    ...{ grant: nothing, grantData: nothing, reportFault: nothing, respond: nothing },
    ...{ write: nothing, inform: nothing, end: nothing, upgrade: nothing, fail: nothing },
  });
  const exchange = await promise;
  exchange.onGiven?.({ worker: 1, generation: 1 });
  if (status === NO_ANSWER) exchange.fail(NO_ANSWER);
  else exchange.respond({ status, fieldLines: "", bodyLength: WHOLE_BODY }, "x");
}

Deno.test("a collector that does not answer costs a word in a while, and what is traced is bounded", async () => {
  await using collector = new Collector();
  collector.status = 400;
  const lines: string[] = [];
  {
    await using traces = await TraceExport.open(
      settingsFor(collector.url),
      (level, line) => lines.push(`${level}: ${line}`),
    );
    for (let i = 0; i < 10_000; i++) await trace(traces, "/", 200);
    assert(traces.tracer.waitingCount <= 4_096);
    await eventually("some were sent", () => Promise.resolve(lines.length > 0));
  }
  assertMatch(
    lines[0],
    /^warning: http:\/\/127.0.0.1:\d+\/v1\/traces: the traces of \d+ requests are lost: /,
  );
  assert(lines.length <= 2, lines.join("\n"));
  const lost = lines.map((line) => Number(/of (\d+) requests/.exec(line)![1]));
  assertEquals(lost.reduce((sum, each) => sum + each, 0), 10_000);
});

Deno.test("spans say how a request ended, and nothing of passwords", async () => {
  await using collector = new Collector();
  {
    await using traces = await TraceExport.open(settingsFor(collector.url), () => {});
    await trace(traces, "/a?next=http://ann:sesame@b/", 200);
    await trace(traces, "/b", 503);
    await trace(traces, "/c", NO_ANSWER);
  }
  const requests = collector.spans.filter(({ kind }) => kind === 2);
  assertEquals(
    requests.map(({ name, status, attributes }) => [
      ...[name, status, attributes["url.path"], attributes["url.query"]],
      ...[attributes["http.response.status_code"], attributes["error.type"]],
    ]),
    [
      ["GET /", 0, "/a", "next=http://ann:***@b/", 200, undefined],
      ["GET /", 2, "/b", undefined, 503, "503"],
      ["GET /", 2, "/c", undefined, undefined, "cut off"],
    ],
  );
  const { "service.instance.id": instance, ...resource } = requests[0].resource;
  assertMatch(`${instance}`, /^[0-9a-f-]{36}$/);
  assertEquals(resource, { "service.name": "shop" });
  for (const { spanId, traceId, startNs, endNs } of requests) {
    const children = collector.spans.filter(({ parentId }) => parentId === spanId);
    assertEquals(children.map(({ name }) => name).sort(), ["app /", "queue"]);
    assert(children.every((each) => each.traceId === traceId));
    assert(children.every((each) => each.startNs >= startNs && each.endNs <= endNs));
  }
});

Deno.test("what waits is bounded in bytes, and so is a batch, whatever clients send", () => {
  const tracer = new Tracer(() => true, { onWaiting() {} });
  const members = Array.from({ length: 200 }, (_, i) => `vendor${i}=${"s".repeat(30)}`);
  const COUNT = 4_000;
  for (let i = 0; i < COUNT; i++) {
    const record = new RequestRecord();
    const { head } = record;
    const target = `/a?next=http://ann:${"pw".repeat(2_000)}@b/${"t".repeat(4_000)}`;
    const fields = `traceparent: 00-${TRACE}-${SPAN}-01\r\ntracestate: ${members.join(",")}\r\n`;
    head.block = latin1Bytes(target + fields);
    head.targetEnd = head.fieldsStart = target.length;
    head.fieldsEnd = head.paramsStart = head.paramsEnd = head.block.length;
    record.trace = tracer.begin(head);
    tracer.onEnd(record);
  }
  assert(tracer.dropped > 0);
  const { waitingCount } = tracer;
  let taken = 0;
  let bytes = 0;
  while (tracer.waitingCount > 0) {
    const batch = tracer.take(512, 524_288);
    taken += batch.length;
    const spans = JSON.stringify(batch.flatMap(spansOf));
    bytes += JSON.stringify(batch).length;
    assert(spans.length < 2_097_152, String(spans.length));
    assert(!spans.includes("pwpw"));
    for (const { target, trace: { state, traceId, parentId } } of batch) {
      assert(target.length <= 2_048 && target.startsWith("/a?next=http://ann:***@b/ttt"), target);
      assert(state.length > 400 && state.length <= 512);
      assertEquals(state.split(","), members.slice(0, state.split(",").length));
      assertEquals([traceId, parentId], [TRACE, SPAN]);
    }
  }
  assertEquals([taken, taken + tracer.dropped, tracer.waitingBytes], [waitingCount, COUNT, 0]);
  assert(bytes < 8_388_608, String(bytes));
});

Deno.test("the command takes places in traces over, tells its app, and sends spans of requests and apps", async () => {
  await using collector = new Collector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x",
  };
  await using gateway = await startGateway([APP, "--workers=1", "--access-log=-"], { env });
  using client = await RawClient.connect(gateway.port);
  const told = async (fields: string): Promise<Pick<Context, "traceparent" | "tracestate">> => {
    await client.send(get("/x?y=1", fields));
    return JSON.parse((await client.receive()).body);
  };
  const sampled = await told(`traceparent: 00-${TRACE}-${SPAN}-01\r\ntracestate: a=1\r\n`);
  assertMatch(sampled.traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  assertEquals(sampled.tracestate, "a=1");
  const unsampled = await told(`traceparent: 00-${TRACE}-${SPAN}-00\r\n`);
  assertEquals(unsampled.traceparent, `00-${TRACE}-${SPAN}-00`);
  const begun = await told("");
  assertMatch(begun.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  await eventually("the spans are there", () => Promise.resolve(collector.spans.length >= 4));

  assertEquals(collector.requests[0].path, "/v1/traces");
  assertEquals(collector.requests[0].headers.get("authorization"), "Bearer x");
  const [request, app] = collector.spans.filter(({ traceId }) => traceId === TRACE);
  assertEquals([request.name, request.kind, request.parentId, request.state], [
    ...["GET /", 2, SPAN, "a=1"],
  ]);
  assertEquals([app.name, app.parentId], ["app /", request.spanId]);
  assert(sampled.traceparent.includes(app.spanId), "the app is told its own span");
  assertEquals(app.attributes, { "gatehouse.worker": 1, "gatehouse.generation": 1 });
  assertEquals(collector.spans.length, 4, "nothing is sent of what is not sampled");
  const [first] = collector.spans.filter(({ traceId }) => traceId !== TRACE);
  assertEquals(first.parentId, "");
  assert(begun.traceparent.includes(first.traceId));
});

Deno.test("FastCGI, Mongrel2, and each of several processes send the spans of their requests", async () => {
  await using collector = new Collector();
  await using mongrel2 = HAS_ZMQ ? new FakeMongrel2() : null;
  const mongrel2Option = mongrel2 === null
    ? []
    : [`--mongrel2=${mongrel2.send},recv=${mongrel2.recv}`];
  await using gateway = await startGateway([
    ...[APP, "--processes=2", "--workers=1"],
    ...["--http=127.0.0.1:0", "--fastcgi=127.0.0.1:0", ...mongrel2Option],
  ], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  const fields = (trace: string) => `00-${trace}-${SPAN}-01`;
  /** How each of them is asked; the app's answer. */
  const asked: Record<string, (traceparent: string) => Promise<string>> = {
    http: async (traceparent) => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/", `traceparent: ${traceparent}\r\n`));
      return (await client.receive()).body;
    },
    fastcgi: async (traceparent) => {
      const line = gateway.log.find((line) => line.startsWith("listening fastcgi://"))!;
      await using client = new FastCgiClient(line.slice("listening fastcgi://".length));
      const reply = await client.request({
        ...{ REQUEST_METHOD: "GET", REQUEST_URI: "/", SERVER_PROTOCOL: "HTTP/1.1" },
        ...{ SERVER_NAME: "localhost", SERVER_PORT: "80", HTTP_TRACEPARENT: traceparent },
      });
      return (await new Response(reply.stdout).text()).split("\r\n\r\n")[1];
    },
  };
  if (mongrel2 !== null) {
    asked.mongrel2 = async (traceparent) => {
      await mongrel2.request(1, "/", { traceparent });
      return (await mongrel2.reply()).split("\r\n\r\n")[1];
    };
  }
  const told = new Map<string, string>();
  for (const [protocol, ask] of Object.entries(asked)) {
    const trace = protocol.length.toString(16).repeat(32);
    told.set(trace, JSON.parse(await ask(fields(trace))).traceparent);
  }
  // Which process takes a connection is the system's to decide.
  const processes = () =>
    new Set(collector.spans.map(({ resource }) => resource["service.instance.id"]));
  for (let i = 0; i < 100; i++) {
    const trace = (0x100 + i).toString(16).padStart(32, "0");
    told.set(trace, JSON.parse(await asked.http(fields(trace))).traceparent);
  }
  await eventually("both processes have sent some", () => Promise.resolve(processes().size === 2));
  await eventually(
    "all spans are there",
    () => Promise.resolve(collector.spans.length === 2 * told.size),
  );
  for (const [trace, traceparent] of told) {
    const spans = collector.spans.filter(({ traceId }) => traceId === trace);
    const [request, app] = spans.toSorted((a, b) => b.kind - a.kind);
    assertEquals([request.kind, request.parentId, app.parentId], [2, SPAN, request.spanId]);
    assertEquals(traceparent, `00-${trace}-${app.spanId}-01`);
  }
});
