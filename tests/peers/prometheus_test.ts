/** The real Prometheus, with the configuration of docs/monitoring.md. */

import { assert, assertEquals } from "../support/assert.ts";
import { blockOf } from "../support/docs.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort } from "../support/peers.ts";
import { readOpenMetrics } from "../support/open_metrics.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { until } from "../support/reloading.ts";

/** Where Debian has it; nobody has to have it. */
const PROMETHEUS = "/usr/bin/prometheus";

const DASHBOARD = new URL("../../docs/grafana-dashboard.json", import.meta.url);

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: { metric: Record<string, string>; value: [number, string] }[];
  };
}

/** All queries of the dashboard, with what Grafana puts in for its variables. */
async function dashboardQueries(): Promise<string[]> {
  const { panels } = JSON.parse(await Deno.readTextFile(DASHBOARD)) as {
    panels: { targets?: { expr: string }[] }[];
  };
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  assert(queries.length > 10);
  return queries.map((query) =>
    query.replaceAll(/\$__\w*(?:interval|range)\w*/g, "1m").replaceAll(/\$\{?\w+\}?/g, ".*")
  );
}

Deno.test({
  name: "Prometheus reads the metrics, and understands the dashboard's queries",
  ignore: !await Deno.stat(PROMETHEUS).then(() => true, () => false),
  fn: (test) =>
    inFolder({ "app.js": `export default () => new Response("hello");` }, async (folder) => {
      await using gateway = await startGateway([
        ...[`${folder}/app.js`, "--workers", "1", "--metrics", "0"],
      ]);
      const line = gateway.log.find((line) => line.startsWith("monitoring at http://"))!;
      const origin = line.slice("monitoring at ".length);
      const config = blockOf("docs/monitoring.md", "yaml", "scrape_configs")
        .replace("127.0.0.1:9100", origin.slice("http://".length));
      await Deno.writeTextFile(
        `${folder}/prometheus.yml`,
        `global: { scrape_interval: 1s }\n${config}`,
      );
      const port = freePort();
      const prometheus = new Deno.Command(PROMETHEUS, {
        args: [
          `--config.file=${folder}/prometheus.yml`,
          `--storage.tsdb.path=${folder}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        stdout: "null",
        stderr: "null",
      }).spawn();
      const ask = async (query: string): Promise<Answer> => {
        const url = `http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query })}`;
        const response = await fetch(url);
        return await response.json();
      };
      const value = async (query: string) => (await ask(query)).data.result[0]?.value[1];
      try {
        await until("Prometheus has read the metrics", async () => {
          const isReady = await fetch(`http://127.0.0.1:${port}/-/ready`).then(
            async (response) => {
              await response.body?.cancel();
              return response.ok;
            },
            () => false,
          );
          return isReady && await value("up") === "1";
        });
        await test.step("what it counts is what was sent", async () => {
          for (let i = 0; i < 25; i++) {
            using client = await RawClient.connect(gateway.port);
            await client.send(get("/"));
            await client.receive();
          }
          const query = `sum(gatehouse_requests_total{endpoint="http",status="2xx",mount="/"})`;
          await until("the requests are counted", async () => await value(query) === "25");
          assertEquals(
            await value(`sum(gatehouse_request_duration_seconds_count{mount="/"})`),
            "25",
          );
        });
        await test.step("it knows the types and the help", async () => {
          const response = await fetch(`http://127.0.0.1:${port}/api/v1/targets/metadata`);
          const { data } = await response.json() as {
            data: { metric: string; type: string; help: string }[];
          };
          const page = await (await fetch(`${origin}/metrics`)).text();
          const families = [...readOpenMetrics(page)].map(([metric, { type }]) => [metric, type]);
          const known = data.filter(({ help }) => help !== "").map((each) => [
            each.metric,
            each.type,
          ]);
          assert(families.length > 20);
          assertEquals(known.toSorted(), families.toSorted());
        });
        await test.step("it understands the queries of the dashboard", async () => {
          const faults: string[] = [];
          for (const query of await dashboardQueries()) {
            const { status, error } = await ask(query);
            if (status !== "success") faults.push(`${query}: ${error}`);
          }
          assertEquals(faults, []);
        });
      } finally {
        prometheus.kill("SIGKILL");
        await prometheus.status;
      }
    }),
});
