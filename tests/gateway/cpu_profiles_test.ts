import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { test } from "../support/strict.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { CpuProfiles } from "../../src/gateway/cpu_profiles.ts";
import { mock } from "../support/mock.ts";
import { withSources } from "../../src/gateway/profile_sources.ts";

const APP = `// A comment, and types that are taken out.
interface Unused {
  readonly nothing: string;
}

function hotSpot(rounds: number): number {
  let sum: number = 0;
  for (let i = 0; i < rounds; i++) sum += Math.sqrt(i);
  return sum;
}

export default (): Response => {
  let state = "open";
  try {
    state = Deno.permissions.querySync({ name: "sys", kind: "inspector" as never }).state;
  } catch (error) {
    state = String(error);
  }
  return new Response(\`\${hotSpot(2e7) > 0} \${state}\`);
};
`;

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

async function profilesIn(folder: string): Promise<Map<string, Frame[]>> {
  const profiles = new Map<string, Frame[]>();
  for await (const { name } of Deno.readDir(folder)) {
    const { nodes } = JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    profiles.set(name, nodes.map(({ callFrame }: { callFrame: Frame }) => callFrame));
  }
  return profiles;
}

test("--profile writes a profile of each thread, with the places of the app's own source", async () => {
  await inFolder({ "app.ts": APP }, async (folder) => {
    const args = ["app.ts", "--workers", "1", "--profile", "profiles"];
    await using gateway = await startGateway(args, { cwd: folder, command: FROM_SOURCE });
    // What the worker takes to be profiled, it has given back.
    assertEquals(await (await fetch(gateway.url)).text(), "true prompt");
    await fetch(gateway.url).then((response) => response.text());
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    const profiles = await profilesIn(`${folder}/profiles`);
    assertEquals(profiles.size, 2);
    for (const name of profiles.keys()) {
      assertMatch(name, /^\d{8}T\d{6}Z-\d+-\d{3}-(?:gateway|worker-1)\.cpuprofile$/);
      if (Deno.build.os === "windows") continue;
      const { mode } = await Deno.stat(`${folder}/profiles/${name}`);
      assertEquals(mode! & 0o777, 0o600);
    }
    const [worker] = [...profiles].filter(([name]) => name.includes("worker")).map(([, all]) =>
      all
    );
    const hot = worker.filter(({ functionName }) => functionName === "hotSpot");
    assert(hot.length > 0);
    for (const { url, lineNumber } of hot) {
      assertEquals(url, `file://${folder}/app.ts`);
      assertEquals(lineNumber, 5);
    }
    assertMatch(gateway.log.join("\n"), /2 CPU profiles written to .*profiles/);
  });
});

test("profiles end after their time, and the gateway goes on", async () => {
  await inFolder({}, async (folder) => {
    const log: string[] = [];
    await using profiles = await CpuProfiles.begin(
      `${folder}/new/profiles`,
      86_400_000,
      (_, text) => void log.push(text),
    );
    assert(profiles.isOpen);
    let asked = 0;
    const answering = profiles.add("worker 1 of /../../x", () => {
      asked++;
      answering.take('{"nodes":[],"startTime":0,"endTime":0}');
    });
    const wrong = profiles.add("worker 2", () => wrong.take("[1,2]"));
    const gone = profiles.add("worker 3", () => gone.gone());
    await Promise.all([profiles.end(), profiles.end()]);
    assertEquals([profiles.isOpen, asked], [false, 1]);
    const names = [...(await profilesIn(`${folder}/new/profiles`)).keys()].sort();
    assertEquals(names.length, 2);
    assert(names.every((name) => /^[\w-]+\.cpuprofile$/.test(name)), names.join());
    assertMatch(log.join("\n"), /the CPU profile of worker 2 is not written: it is not a profile/);
  });
});

test("a folder that cannot be written to is refused at the start", async () => {
  await inFolder({ file: "" }, async (folder) => {
    await assertRejects(() => CpuProfiles.begin(`${folder}/file`, 1_000, () => {}), ConfigError);
  });
});

/** The parts of a profile that are not its nodes. */
const REST = { startTime: 1, endTime: 9, samples: [1], timeDeltas: [2] };

function nodeAt(url: string) {
  const callFrame = { functionName: "f", scriptId: "7", url, lineNumber: 0, columnNumber: 0 };
  return { id: 1, callFrame, hitCount: 0, children: [], positionTicks: [] };
}

Deno.test("what a worker sends as its profile is checked, and other files are left alone", async () => {
  const kept = JSON.stringify({ nodes: [nodeAt("file:///etc/passwd")], ...REST });
  assertEquals(await withSources(kept), kept);
  const missing = kept.replace("/etc/passwd", `/nowhere/${"a".repeat(27)}.js`);
  assertEquals(await withSources(missing), missing);
  const more = JSON.stringify({ ...JSON.parse(kept), more: "x".repeat(1_000) });
  assertEquals(await withSources(more), kept);
  const wrong = [
    "",
    "null",
    "{}",
    '{"nodes":1}',
    '{"nodes":[null]}',
    '{"nodes":[{"callFrame":1}]}',
    kept.replace('"samples":[1]', '"samples":[[]]'),
    kept.replace('"samples":[1]', '"samples":5'),
    kept.replace('"hitCount":0', '"hitCount":"many"'),
  ];
  for (const text of wrong) await assertRejects(() => withSources(text), Error);
});

Deno.test("a generated file is read once, however its URL is spelled", async () => {
  await inFolder({}, async (folder) => {
    const name = `${"a".repeat(27)}.js`;
    const map = { version: 3, sources: ["file:///app.ts"], names: [], mappings: "AAEA" };
    const comment = `//# sourceMappingURL=data:application/json;base64,${
      btoa(JSON.stringify(map))
    }`;
    await Deno.writeTextFile(`${folder}/${name}`, `f();\n${comment}\n`);
    const urls = Array.from(
      { length: 2_000 },
      (_, i) => `file://${folder}${"/".repeat(i + 1)}${name}`,
    );
    const text = JSON.stringify({ nodes: urls.map(nodeAt), ...REST });
    const stat = mock.method(Deno, "stat");
    try {
      const { nodes } = JSON.parse(await withSources(text));
      assertEquals(stat.mock.callCount(), 1);
      for (const { callFrame: { url, lineNumber } } of nodes) {
        assertEquals([url, lineNumber], ["file:///app.ts", 2]);
      }
    } finally {
      stat.mock.restore();
    }
  });
});

const SPY = `import { EventEmitter } from "node:events";
const sessions = [];
const emit = EventEmitter.prototype.emit;
EventEmitter.prototype.emit = function (...args) {
  if (typeof this.post === "function" && typeof this.connect === "function") sessions.push(this);
  return emit.apply(this, args);
};
console.profile("x");
console.profileEnd("x");
await new Promise((resolve) => setTimeout(resolve, 100));
export default () => new Response(String(sessions.length));
`;

test("an app gets nothing of what its thread is profiled with", async () => {
  await inFolder({ "app.js": SPY }, async (folder) => {
    const args = ["app.js", "--workers", "1", "--profile", "profiles"];
    await using gateway = await startGateway(args, { cwd: folder });
    assertEquals(await (await fetch(gateway.url)).text(), "0");
  });
});
