/** The manifests in deploy/kubernetes, and what docs/kubernetes.md says of them. */

import { dirname } from "node:path";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { ask } from "../support/admin.ts";
import { blocksOf } from "../support/docs.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { faultsOf, resourceIn, resourcesIn } from "../support/kubernetes.ts";
import type { Resource } from "../support/kubernetes.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { lockHere } from "../support/loading_here.ts";
import { canBeNobody, readableDenoFolder } from "../support/other_user.ts";
import { freePort } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { FAMILIES } from "../../src/monitor/metric_families.ts";

const FOLDER = new URL("../../deploy/kubernetes/", import.meta.url);
const FILES = [
  "base/deployment.yaml",
  "overlays/stable/service.yaml",
  "overlays/stable/poddisruptionbudget.yaml",
  "overlays/stable/horizontalpodautoscaler.yaml",
];
const TRACKS = ["stable", "canary"] as const;

const read = (path: string) => Deno.readTextFileSync(new URL(path, FOLDER));
const [deployment, service, budget, autoscaler] = FILES.map((path) => resourceIn(read(path)));
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
const { metric, target } = autoscaler.spec.metrics[0].pods;

/** The settings of gatehouse in a container. */
function settingsOf({ args }: Resource, app = "https://example.com/app.ts"): ServeSettings {
  const words = args.map((arg: string) => arg.replaceAll("$(APP)", app));
  const command = parseCommandLine(words, {
    env: {},
    cwd: "/",
    readTextFile: Deno.readTextFileSync,
    warn() {},
  });
  assert(command.kind === "serve");
  return command.settings;
}
const settings = settingsOf(container);

for (const path of FILES) {
  Deno.test(`Kubernetes' schemas find no fault in ${path}`, () => {
    assertEquals(faultsOf(resourceIn(read(path))), []);
  });
}

Deno.test("the schemas find faults where there are some", () => {
  const faulty = (change: (resource: Resource) => void) => {
    const resource = resourceIn(read(FILES[0]));
    change(resource);
    return faultsOf(resource).join();
  };
  assertMatch(faulty(({ spec }) => delete spec.selector), /required property selector/);
  assertMatch(
    faulty(({ spec }) => spec.template.spec.containers[0].ports[0].containerPort = "x"),
    /containerPort must be integer/,
  );
  assertEquals(
    faulty(({ spec }) => spec.template.spec.containers[0].readinesProbe = {}),
    "/spec/template/spec/containers/0/readinesProbe is unknown",
  );
  assertMatch(faultsOf({ apiVersion: "v2", kind: "Service" }).join(), /v2 Service is not known/);
});

Deno.test("every argument is one of gatehouse's, and ports are those of container and Service", () => {
  const portOf = (name: string) =>
    container.ports.find((port: Resource) => port.name === name).containerPort;
  const ports = [settings.http[0], settings.health, settings.metrics].map((address) =>
    address?.transport === "tcp" ? address.port : null
  );
  assertEquals(ports, [portOf("http"), portOf("admin"), portOf("admin")]);
  assertEquals(service.spec.ports[0].targetPort, "http");
  const { annotations } = deployment.spec.template.metadata;
  assertEquals(annotations["prometheus.io/port"], String(portOf("admin")));
  for (const name of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    assertEquals(container[name].httpGet.port, "admin");
  }
  const exposed = /^EXPOSE (.*)$/m.exec(read("Dockerfile"))![1].split(" ").map(Number);
  assertEquals(exposed, [portOf("http"), portOf("admin")]);
  assertMatch(read("Dockerfile"), new RegExp(`^USER ${pod.securityContext.runAsUser}:`, "m"));
});

Deno.test("a pod has the time that it takes to start, and to end", () => {
  const { preStop: { sleep } } = container.lifecycle;
  const { drainDelayMs, drainTimeoutMs, workerLimits } = settings;
  const endingSeconds = sleep.seconds + (drainDelayMs + drainTimeoutMs) / 1_000;
  assert(pod.terminationGracePeriodSeconds > endingSeconds);
  const { periodSeconds, timeoutSeconds, failureThreshold } = container.readinessProbe;
  // By then it is noticed that it is not ready.
  assert(drainDelayMs / 1_000 > (periodSeconds + timeoutSeconds) * failureThreshold);
  const startup = container.startupProbe;
  assert(startup.periodSeconds * startup.failureThreshold * 1_000 > workerLimits.loadTimeoutMs);
});

Deno.test("a pod is not root's, writes to its volumes alone, and has limits", () => {
  assertEquals(pod.securityContext.runAsNonRoot, true);
  assert(pod.securityContext.runAsUser > 0);
  assertEquals(pod.securityContext.seccompProfile, { type: "RuntimeDefault" });
  assertEquals(pod.automountServiceAccountToken, false);
  const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } =
    container.securityContext;
  assertEquals([readOnlyRootFilesystem, allowPrivilegeEscalation], [true, false]);
  assertEquals(capabilities, { drop: ["ALL"] });
  const mounts = new Map<string, Resource>(
    container.volumeMounts.map((mount: Resource) => [mount.mountPath, mount]),
  );
  const env = new Map<string, string>(
    container.env.map(({ name, value }: Resource) => [name, value]),
  );
  const volumes = new Map<string, Resource>(pod.volumes.map((each: Resource) => [each.name, each]));
  // Its group may write to a volume: gatehouse wants a folder for its cache that nobody else can write to.
  assertMatch(env.get("GATEHOUSE_CACHE")!, /^\/var\/cache\/gatehouse\/\w+$/);
  for (const path of ["/var/cache/gatehouse", env.get("TMPDIR")!]) {
    assert(volumes.get(mounts.get(path).name).emptyDir.sizeLimit);
  }
  const lock = mounts.get("/etc/gatehouse");
  assertEquals(settings.loading.appLock, "/etc/gatehouse/gatehouse.lock");
  assertEquals(volumes.get(lock.name).configMap.items[0].path, "gatehouse.lock");
  assert(container.resources.requests.cpu && container.resources.limits.memory);
});

Deno.test("pods are scaled by a metric that there is, as prometheus-adapter is told to give it", () => {
  assertEquals(Object.hasOwn(FAMILIES, metric.name), true);
  assertEquals(FAMILIES[metric.name as keyof typeof FAMILIES].type, "gauge");
  assertEquals(target.type, "AverageValue");
  // More than a pod's workers have at a time would wait.
  assert(Number(target.averageValue) < settings.workerLimits.maxQueue);
  const { kind, name } = autoscaler.spec.scaleTargetRef;
  assertEquals([kind, name], [deployment.kind, deployment.metadata.name]);
  const blocks = blocksOf("docs/kubernetes.md", "yaml").map(({ code }) => resourceIn(code));
  const [rule] = blocks.find((block) => block.rules !== undefined)!.rules.custom;
  assert(rule.seriesQuery.startsWith(`${metric.name}{`));
  assertEquals(rule.name.as, metric.name);
  assertEquals(Object.keys(rule.resources.overrides), ["namespace", "pod"]);
  // The labels that the rule wants are those that the scrape gives.
  const [scrape] = blocks.find((block) => block.scrape_configs !== undefined)!.scrape_configs;
  const labels = scrape.relabel_configs.map((each: Resource) => each.target_label);
  for (const label of ["namespace", "pod"]) assert(labels.includes(label), label);
});

Deno.test("the locks are those of the apps that the tracks name", async () => {
  for (const [index, track] of TRACKS.entries()) {
    const app = `https://example.com/v${index + 1}/app.ts`;
    const { configMapGenerator: [generated] } = resourceIn(
      read(`overlays/${track}/kustomization.yaml`),
    );
    assertEquals(generated.literals, [`app=${app}`]);
    await using lab = new LoaderLab();
    const cache = new ModuleCache(lab.cache);
    const source = `export default (): Response => new Response("version ${index + 1}");\n`;
    await cache.writeHttpEntry({
      kind: "body",
      url: app,
      status: 200,
      contentType: "application/typescript",
      etag: "",
      lastModified: "",
      sha256: await cache.writeBlob(new TextEncoder().encode(source)),
      fetchedAtMs: Date.now(),
    });
    await lockHere(lab, app, "--cached-only", "--app-lock=gatehouse.lock");
    assertEquals(
      Deno.readTextFileSync(lab.path("gatehouse.lock")),
      read(`overlays/${track}/${generated.files[0]}`),
    );
  }
});

/** What kustomize makes of an overlay. */
async function built(track: typeof TRACKS[number]): Promise<Resource[]> {
  const { success, stdout, stderr } = await new Deno.Command("kubectl", {
    args: ["kustomize", new URL(`overlays/${track}`, FOLDER).pathname],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return resourcesIn(new TextDecoder().decode(stdout));
}

/** The version of kustomize in kubectl; 0 without kubectl. Debian's own is too old. */
const kustomize = await new Deno.Command("kubectl", { args: ["version", "--client", "-o", "json"] })
  .output()
  .then(({ stdout }) => JSON.parse(new TextDecoder().decode(stdout)).kustomizeVersion ?? "v0")
  .then((version: string) => Number(/^v(\d+)/.exec(version)?.[1]), () => 0);

Deno.test({
  name: "kustomize makes two tracks side by side, of which one Service is in front",
  ignore: kustomize < 5,
  async fn() {
    const [stable, canary] = await Promise.all(TRACKS.map(built));
    const all = [...stable, ...canary];
    for (const resource of all) assertEquals(faultsOf(resource), [], resource.kind);
    const names = all.map(({ kind, metadata: { name } }) => `${kind} ${name}`);
    assertEquals(new Set(names).size, names.length);
    const find = (resources: Resource[], kind: string) =>
      resources.find((resource) => resource.kind === kind);
    const deployments = [stable, canary].map((resources) => find(resources, "Deployment"));
    const labels = deployments.map(({ spec }) => spec.template.metadata.labels);
    const selects = (selector: Resource, label: Resource) =>
      Object.entries(selector).every(([name, value]) => label[name] === value);
    for (const [index, { spec }] of deployments.entries()) {
      // Each selects its own pods, and none of the other's.
      const chosen = labels.map((label) => selects(spec.selector.matchLabels, label));
      assertEquals(chosen, TRACKS.map((_, other) => other === index));
      const maps = spec.template.spec.volumes.flatMap((each: Resource) =>
        each.configMap?.name ?? []
      );
      const map = find([stable, canary][index], "ConfigMap");
      assertEquals(maps, [map.metadata.name]);
      assertMatch(map.metadata.name, /-[a-z\d]{10}$/);
      const [{ env, args }] = spec.template.spec.containers;
      const { configMapKeyRef } = env.find((each: Resource) => each.name === "APP").valueFrom;
      assertEquals(configMapKeyRef.name, map.metadata.name);
      const { mounts, loading } = settingsOf({ args }, map.data[configMapKeyRef.key]);
      assertEquals(mounts[0].app, map.data.app);
      assert(Object.hasOwn(JSON.parse(map.data["gatehouse.lock"]).apps, map.data.app));
      assertEquals(loading.appLock, "/etc/gatehouse/gatehouse.lock");
    }
    for (const label of labels) {
      assert(selects(find(stable, "Service").spec.selector, label));
      assert(selects(find(stable, "PodDisruptionBudget").spec.selector.matchLabels, label));
    }
    assertEquals(deployments[1].spec.replicas, 1);
    // The autoscaler decides.
    assertEquals(deployments[0].spec.replicas, undefined);
  },
});

Deno.test({
  name:
    "a gateway with these arguments answers the probes, as the pod's user, with volumes like the pod's",
  ignore: !canBeNobody(),
  async fn() {
    const { runAsUser, runAsGroup } = pod.securityContext;
    await using lab = new LoaderLab({ "app.ts": "export default () => new Response('app');\n" });
    await lockHere(lab, "app.ts", "--app-lock=gatehouse.lock");
    Deno.chmodSync(dirname(lab.folder), 0o755);
    // As Kubernetes makes an emptyDir with fsGroup.
    const volume = (name: string) => {
      const path = lab.path(name);
      Deno.mkdirSync(path);
      Deno.chownSync(path, 0, runAsGroup);
      Deno.chmodSync(path, 0o2777);
      return path;
    };
    const [cache, tmp] = [volume("cache"), volume("tmp")];
    const [http, admin] = [freePort(), freePort()];
    const args = container.args.map((arg: string) =>
      arg.replace("$(APP)", lab.path("app.ts"))
        .replace("/etc/gatehouse", lab.folder)
        .replace(/:8000$/, `127.0.0.1:${http}`)
        .replace(/:9100$/, `127.0.0.1:${admin}`)
        // Nobody is to wait for it here.
        .replace(/^--drain-delay=.*/, "--drain-delay=1h")
    );
    const identity = [`--reuid=${runAsUser}`, `--regid=${runAsGroup}`, "--clear-groups"];
    await using gateway = await startGateway(args, {
      cwd: "/",
      env: {
        HOME: "/nonexistent",
        DENO_DIR: await readableDenoFolder(),
        GATEHOUSE_CACHE: `${cache}/modules`,
        TMPDIR: tmp,
      },
      command: ["setpriv", ...identity, "--no-new-privs", ...FROM_SOURCE],
    });
    const probe = async (name: string) => {
      return (await ask(admin, container[name].httpGet.path)).status;
    };
    assertEquals(await probe("startupProbe"), 200, gateway.log.join("\n"));
    assertEquals(await probe("livenessProbe"), 200);
    assertEquals(await probe("readinessProbe"), 200);
    const { annotations } = deployment.spec.template.metadata;
    const metrics = await ask(admin, annotations["prometheus.io/path"]);
    assertMatch(metrics.body, new RegExp(`^${metric.name}\\{`, "m"));
    assertEquals([...Deno.readDirSync(cache)].map(({ name }) => name), ["modules"]);
    gateway.kill("SIGTERM");
    await gateway.logged(/serving for/);
    assertEquals(await probe("readinessProbe"), 503);
    assertEquals(await probe("livenessProbe"), 200);
    using client = await RawClient.connect(http);
    await client.send(get("/"));
    const { status, headers } = await client.receive();
    assertEquals([status, headers.get("connection")], [200, "close"]);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 1);
  },
});

Deno.test("nothing is disrupted by more than one pod at a time", () => {
  assertEquals(budget.spec.maxUnavailable, 1);
  assertEquals(deployment.spec.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
});
