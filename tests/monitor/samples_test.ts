import { assertEquals, assertThrows } from "../support/assert.ts";
import { readOpenMetrics, sumOf } from "../support/open_metrics.ts";
import type { EndedRequest } from "../../src/monitor/traffic.ts";
import { DURATION_BOUNDS, Traffic } from "../../src/monitor/traffic.ts";
import type { Samples } from "../../src/monitor/samples.ts";
import { addSample, addSamples, openMetricsText } from "../../src/monitor/samples.ts";

function ended(request: Partial<EndedRequest> = {}): EndedRequest {
  return {
    endpoint: "http",
    scheme: "http",
    mount: "/",
    method: "GET",
    status: 200,
    bytesIn: 1,
    bytesOut: 10,
    durationMs: 3,
    outcome: "answered",
    ...request,
  };
}

function read(samples: Samples) {
  return readOpenMetrics(openMetricsText(samples));
}

Deno.test("requests are counted by endpoint, scheme, mount, method and class of status", () => {
  const traffic = new Traffic();
  const cases: [Partial<EndedRequest>, Record<string, string>][] = [
    [{}, { endpoint: "http", scheme: "http", mount: "/", method: "GET", status: "2xx" }],
    [{ endpoint: "fastcgi", scheme: "https" }, { endpoint: "fastcgi", scheme: "https" }],
    [{ endpoint: "mongrel2" }, { endpoint: "mongrel2" }],
    [{ mount: "/api" }, { mount: "/api" }],
    [{ mount: "" }, { mount: "" }],
    [{ method: "PATCH" }, { method: "PATCH" }],
    [{ method: "BREW" }, { method: "other" }],
    [{ method: "" }, { method: "other" }],
    [{ method: "__proto__" }, { method: "other" }],
    [{ status: 101 }, { status: "1xx" }],
    [{ status: 404 }, { status: "4xx" }],
    [{ status: 599 }, { status: "5xx" }],
    [{ status: 0, outcome: "client left" }, { status: "none" }],
    [{ status: 799 }, { status: "none" }],
  ];
  for (const [request] of cases) traffic.onEnd(ended(request));
  const samples: Samples = {};
  traffic.addTo(samples);
  const families = read(samples);
  for (const [request, labels] of cases) {
    const count = cases.filter(([other]) =>
      Object.entries(labels).every(([name, value]) => {
        const [, own] = cases.find(([each]) => each === other)!;
        return ({ ...cases[0][1], ...own })[name] === value;
      })
    ).length;
    assertEquals(sumOf(families, "gatehouse_requests", labels), count, JSON.stringify(request));
  }
  assertEquals(sumOf(families, "gatehouse_requests"), cases.length);
  assertEquals(sumOf(families, "gatehouse_request_outcomes", { outcome: "client left" }), 1);
  assertEquals(sumOf(families, "gatehouse_request_body_bytes"), cases.length);
  assertEquals(sumOf(families, "gatehouse_response_body_bytes"), 10 * cases.length);
  assertEquals(traffic.totals, {
    requests: cases.length,
    failures: 3,
    bytesIn: cases.length,
    bytesOut: 10 * cases.length,
  });
});

Deno.test("durations are counted in the bucket that they are in, bounds included", () => {
  const traffic = new Traffic();
  for (const bound of DURATION_BOUNDS) {
    for (const factor of [0.99, 1, 1.01]) {
      traffic.onEnd(ended({ durationMs: bound * 1_000 * factor }));
    }
  }
  traffic.onEnd(ended({ durationMs: 1e9 }));
  const samples: Samples = {};
  traffic.addTo(samples);
  const families = read(samples);
  const family = "gatehouse_request_duration_seconds";
  for (const [index, bound] of DURATION_BOUNDS.entries()) {
    const le = String(bound);
    assertEquals(sumOf(families, family, { le }, "_bucket"), 3 * index + 2, le);
  }
  assertEquals(sumOf(families, family, { le: "+Inf" }, "_bucket"), 3 * DURATION_BOUNDS.length + 1);
});

Deno.test("clients cannot make up mounts without end", () => {
  const traffic = new Traffic();
  for (let i = 0; i < 5_000; i++) traffic.onEnd(ended({ mount: `/${i}` }));
  const samples: Samples = {};
  traffic.addTo(samples);
  assertEquals(Object.keys(samples.gatehouse_requests!).length, 1_025);
  assertEquals(sumOf(read(samples), "gatehouse_requests"), 5_000);
});

Deno.test("labels are escaped", () => {
  const samples: Samples = {};
  addSample(samples, "gatehouse_workers", { state: 'a"b\\c\nd' }, 1);
  const [[key]] = read(samples).get("gatehouse_workers")!.samples;
  assertEquals(key, 'gatehouse_workers{state="a\\"b\\\\c\\nd"}');
});

Deno.test("samples of processes are added up, and what has ended keeps only what grows", () => {
  const traffic = new Traffic();
  traffic.onEnd(ended());
  const one: Samples = {};
  traffic.addTo(one);
  addSample(one, "gatehouse_workers", { state: "serving" }, 2);
  const sum: Samples = {};
  addSamples(sum, one, "all");
  addSamples(sum, one, "all");
  addSamples(sum, one, "growing");
  const families = read(sum);
  assertEquals(sumOf(families, "gatehouse_requests"), 3);
  assertEquals(sumOf(families, "gatehouse_request_duration_seconds", {}, "_count"), 3);
  assertEquals(sumOf(families, "gatehouse_workers"), 4);
});

Deno.test("the reader of metrics finds what is wrong", () => {
  const cases = [
    "",
    "a 1\n# EOF\n",
    "# TYPE a gauge\na 1\n",
    "# TYPE a gauge\na 1\na 1\n# EOF\n",
    "# TYPE a counter\na 1\n# EOF\n",
    '# TYPE a gauge\na{b="\n"} 1\n# EOF\n',
    "# TYPE a gauge\na NaN\n# EOF\n",
    '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="2"} 1\n# EOF\n',
  ];
  for (const text of cases) assertThrows(() => readOpenMetrics(text), Error);
});
