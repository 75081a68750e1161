/** Apps that ask for unstable features of the runtime, served by any command of gatehouse. */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const COUNTER = `
  const kv = await Deno.openKv();
  const worker = crypto.randomUUID();
  export default async () => {
    await kv.atomic().sum(["n"], 1n).commit();
    return Response.json({ worker, n: Number((await kv.get(["n"])).value) });
  };`;

const JOBS = `
  const kv = await Deno.openKv();
  const worker = crypto.randomUUID();
  Deno.cron("note", "* * * * *", () => kv.set(["ran", Date.now(), worker], 1));
  export default async () => {
    const ran = [];
    for await (const { key } of kv.list({ prefix: ["ran"] })) ran.push(key[2]);
    return Response.json({ worker, ran });
  };`;

const NAMES = [
  "openKv",
  "cron",
  "listenDatagram",
  "WebSocketStream",
  "Temporal",
  "BroadcastChannel",
];
const PRESENT = `export default () => Response.json(${JSON.stringify(NAMES)}
  .filter((name) => name in Deno || name in globalThis));`;

const asking = (...unstable: string[]) => JSON.stringify({ unstable });

/** Asks at `url` until `isEnough` holds for the answers; they are in the order in which they came. */
async function answersOf<Answer>(
  url: string,
  isEnough: (answers: readonly Answer[]) => boolean,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const deadline = Date.now() + 90_000;
  while (!isEnough(answers)) {
    if (Date.now() > deadline) {
      throw new Error(`never enough: ${JSON.stringify(answers.slice(-3))}`);
    }
    // Several at a time: no worker is idle then.
    answers.push(
      ...await Promise.all(
        Array.from({ length: 4 }, async () => await (await fetch(url)).json() as Answer),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return answers;
}

/** Defines the tests for a command of gatehouse; `null` is one that is not there. */
export function defineUnstableTests(command: readonly string[] | null, where: string): void {
  const test = (name: string, fn: (command: readonly string[]) => Promise<void>) =>
    Deno.test({ name: `${name} ${where}`, ignore: command === null, fn: () => fn(command!) });

  test("Deno.openKv() opens a store of the project, in all workers, that lasts", (command) =>
    inFolder({ "a/deno.json": asking("kv"), "a/app.ts": COUNTER }, async (folder) => {
      const start = () =>
        startGateway([`${folder}/a/app.ts`, "--workers=2"], {
          command,
          env: { GATEHOUSE_STATE: `${folder}/state` },
        });
      type Answer = { worker: string; n: number };
      const hasBoth = (answers: readonly Answer[]) =>
        new Set(answers.map(({ worker }) => worker)).size === 2;
      let last = 0;
      {
        await using gateway = await start();
        const answers = await answersOf<Answer>(gateway.url, hasBoth);
        last = Math.max(...answers.map(({ n }) => n));
        assertEquals(last, answers.length);
      }
      await using gateway = await start();
      const [{ n }] = await answersOf<Answer>(gateway.url, hasBoth);
      assert(n > last, `${n} after ${last}`);
      assertEquals(Deno.statSync(`${folder}/state/kv`).mode! & 0o777, 0o700);
    }));

  test("apps of several projects have stores of their own, and those of one share it", (command) =>
    inFolder({
      "a/deno.json": asking("kv"),
      "a/one.ts": COUNTER,
      "a/two.ts": COUNTER,
      "b/deno.json": asking("kv"),
      "b/app.ts": COUNTER,
    }, async (folder) => {
      const mounts = ["/one=a/one.ts", "/two=a/two.ts", "/b=b/app.ts"]
        .map((mount) => `--mount=${mount.replace("=", `=${folder}/`)}`);
      await using gateway = await startGateway([...mounts, "--workers=1"], {
        command,
        env: { GATEHOUSE_STATE: `${folder}/state` },
      });
      const counted: number[] = [];
      for (const path of ["one", "two", "one", "b"]) {
        counted.push((await (await fetch(`${gateway.url}/${path}`)).json()).n);
      }
      assertEquals(counted, [1, 2, 3, 1]);
    }));

  test("an app reads and writes no other file than its store", (command) =>
    inFolder({
      "a/deno.json": asking("kv"),
      "a/app.ts": `
        export default async (request) => {
          const path = decodeURIComponent(new URL(request.url).search.slice(1));
          try {
            (await Deno.openKv(path)).close();
            return new Response("opened");
          } catch (error) {
            return new Response(error.name);
          }
        };`,
    }, async (folder) => {
      await using gateway = await startGateway([`${folder}/a/app.ts`, "--workers=1"], {
        command,
        env: { GATEHOUSE_STATE: `${folder}/state` },
      });
      for (const path of [`${folder}/state/kv/other.sqlite3`, `${folder}/a/own.sqlite3`]) {
        const response = await fetch(`${gateway.url}/?${encodeURIComponent(path)}`);
        assertEquals(await response.text(), "NotCapable");
      }
    }));

  test("jobs of Deno.cron() run in one worker at a time, and go on after a reload", (command) =>
    inFolder({ "deno.json": asking("kv", "cron"), "app.ts": JOBS }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.ts`, "--workers=3"], {
        command,
        env: {
          GATEHOUSE_STATE: `${folder}/state`,
          // Deno's own tests have jobs run so often, in milliseconds.
          DENO_CRON_TEST_SCHEDULE_OFFSET: "100",
        },
      });
      type Answer = { worker: string; ran: string[] };
      const last = (answers: readonly Answer[]) => answers.at(-1)?.ran ?? [];
      const before = last(await answersOf<Answer>(gateway.url, (all) => last(all).length > 5));
      assertEquals(new Set(before).size, 1);
      await reloadOf(gateway);
      const [{ worker }] = await answersOf<Answer>(gateway.url, (all) => all.length > 0);
      assert(!before.includes(worker));
      // The new one begins with the next minute, in which the old one runs none.
      const all = last(
        await answersOf<Answer>(gateway.url, (all) => new Set(last(all)).size > 1),
      );
      assertEquals(new Set(all).size, 2);
      assertEquals(all.indexOf(all.at(-1)!), all.lastIndexOf(all[0]) + 1);
    }));

  const present: Record<string, readonly string[]> = {
    "nothing": [],
    "kv": ["openKv"],
    "cron": ["cron"],
    "net": ["listenDatagram", "WebSocketStream"],
  };
  const always = ["Temporal", "BroadcastChannel"];

  test("apps get what each of them asks for, and no more", (command) => {
    const files = Object.keys(present).flatMap((name): [string, string][] => [
      [`${name}/deno.json`, asking(name === "nothing" ? "temporal" : name)],
      [`${name}/app.js`, PRESENT],
    ]);
    return inFolder(Object.fromEntries(files), async (folder) => {
      const mounts = Object.keys(present).map((name) =>
        `--mount=/${name}=${folder}/${name}/app.js`
      );
      await using gateway = await startGateway([...mounts, "--workers=1"], {
        command,
        env: { GATEHOUSE_STATE: `${folder}/state` },
      });
      for (const [name, members] of Object.entries(present)) {
        const response = await fetch(`${gateway.url}/${name}`);
        assertEquals(await response.json(), [...members, ...always], name);
      }
    });
  });

  test("apps on the gateway's thread get what an option says, and no more", (command) =>
    inFolder({ "app.js": PRESENT }, async (folder) => {
      await using gateway = await startGateway(
        [`${folder}/app.js`, "--workers=0", "--unstable-kv"],
        { command, env: { GATEHOUSE_STATE: `${folder}/state` } },
      );
      assertEquals(await (await fetch(gateway.url)).json(), ["openKv", ...always]);
    }));

  test("what a deno.json asks for in vain is told once", (command) =>
    inFolder(
      { "deno.json": asking("sloppy-imports", "worker-options"), "app.js": PRESENT },
      async (folder) => {
        await using gateway = await startGateway([`${folder}/app.js`, "--workers=2"], { command });
        const told = gateway.log.filter((line) => line.includes("unstable"));
        assertEquals(told.length, 1, gateway.log.join("\n"));
        assertMatch(told[0], /^warning: .*deno\.json: .*"sloppy-imports" in "unstable"$/);
      },
    ));
}
