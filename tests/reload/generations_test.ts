import { LoadError } from "../../src/base/errors.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { get } from "../support/raw_client.ts";
import { loadable, ReloadLab, until } from "../support/reloading.ts";

/** A place where things wait until they are let on. */
class Gate {
  readonly #open = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();
  /** Resolves when something waits here. */
  readonly reached = this.#reached.promise;

  pass(): Promise<void> {
    this.#reached.resolve();
    return this.#open.promise;
  }

  open(): void {
    this.#open.resolve();
  }
}

Deno.test("a reload loads what the app is by now, and the next generation answers", async () => {
  await using lab = await ReloadLab.start({ workers: 2 });
  assertEquals(await lab.ask("/?token=a"), [200, "1", "1 a"]);
  for (const version of [2, 3]) {
    await lab.version(version);
    const outcome = await lab.reload("a new version");
    assertEquals(outcome, { kind: "reloaded", generation: version });
    assertEquals(await lab.ask("/?token=b"), [200, String(version), `${version} b`]);
  }
  assertEquals(lab.log, [
    "reloading: a new version",
    "generation 2 serves",
    "reloading: a new version",
    "generation 3 serves",
  ]);
});

Deno.test("reloads that are asked for during a reload are one more after it", async () => {
  const gate = new Gate();
  let prepared = 0;
  await using lab = await ReloadLab.start({
    prepare: async (usual) => {
      if (++prepared === 2) await gate.pass();
      return usual();
    },
  });
  const first = lab.reload("first");
  await gate.reached;
  const others = ["second", "third", "fourth"].map((reason) => lab.reload(reason));
  gate.open();
  assertEquals(await first, { kind: "reloaded", generation: 2 });
  for (const other of others) {
    assertEquals(await other, { kind: "reloaded", generation: 3 });
  }
  assertEquals(prepared, 3);
  assertEquals(lab.log.filter((line) => line.startsWith("reloading")).length, 2);
});

Deno.test("one reload follows another, also when it is asked for just as one ends", async () => {
  await using lab = await ReloadLab.start();
  const outcomes: Promise<unknown>[] = [];
  const again = async (times: number): Promise<void> => {
    const reload = lab.reload("again");
    outcomes.push(reload);
    // In the very moment in which the next one is about to begin.
    await reload;
    if (times > 1) await again(times - 1);
  };
  await Promise.all([again(5), again(4), again(3)]);
  const generations = (await Promise.all(outcomes)) as { kind: string; generation: number }[];
  assert(generations.every(({ kind }) => kind === "reloaded"));
  const count = Math.max(...generations.map(({ generation }) => generation)) - 1;
  // Begin and end take turns: there are never two at a time.
  assertEquals(
    lab.log.map((line) => line.replace(/\d+/, "N")),
    Array.from({ length: count }, () => ["reloading: again", "generation N serves"]).flat(),
  );
});

const failures: Record<string, [string | Error, RegExp]> = {
  "cannot be prepared": [new LoadError("", "no such thing"), /^no such thing$/],
  "throws when it is loaded": ["throw new Error('at start');", /app\.ts: at start/],
  "has a syntax error": ["export default {", /app\.ts/],
  "has no app": ["export const one = 1;", /it has no default export; it exports one/],
  "imports what is not there": ['import "./nowhere.ts";', /nowhere\.ts/],
  "closes its workers while it is loaded": ["self.close(); await new Promise(() => {});", /close/],
};
Deno.test("an app that cannot be loaded leaves the old generation serving, and says why", async (test) => {
  let refusal: Error | null = null;
  await using lab = await ReloadLab.start({
    workers: 2,
    prepare: (usual) => {
      if (refusal !== null) throw refusal;
      return Promise.resolve(usual());
    },
  });
  using kept = await lab.connect();
  const answer = async () => {
    await kept.send(get("/?token=a"));
    return (await kept.receive()).body;
  };
  let [version, serving] = [1, 1];
  for (const [name, [fault, message]] of Object.entries(failures)) {
    await test.step(`one that ${name}`, async () => {
      assertEquals(await answer(), `${version} a`);
      if (typeof fault === "string") await Deno.writeTextFile(lab.path("app.ts"), fault);
      else refusal = fault;
      const before = lab.log.length;
      const outcome = await lab.reload();
      assert(outcome.kind === "failed");
      assertMatch(outcome.error.message, message);
      const log = lab.log.slice(before).join("\n");
      assertStringIncludes(log, outcome.error.message);
      assertStringIncludes(log, `generation ${serving} goes on serving`);
      assertEquals(await answer(), `${version} a`);
      refusal = null;
      await lab.version(++version);
      const repaired = await lab.reload();
      assert(repaired.kind === "reloaded");
      serving = repaired.generation;
      assertEquals(await answer(), `${version} a`);
    });
  }
});

Deno.test("a reload while the gateway ends is refused, also one that waits for another", async () => {
  const gate = new Gate();
  let prepared = 0;
  await using lab = await ReloadLab.start({
    prepare: async (usual) => {
      if (++prepared === 2) await gate.pass();
      return usual();
    },
  });
  const background = `/background?file=${lab.path("done")}&go=${lab.path("go")}`;
  assertEquals((await lab.ask(background))[0], 200);
  const reloads = [lab.reload("first")];
  await gate.reached;
  reloads.push(lab.reload("second"));
  const drained = lab.generations.drain();
  reloads.push(lab.reload("third"));
  gate.open();
  for (const outcome of await Promise.all(reloads)) {
    assert(outcome.kind === "failed");
    assertMatch(outcome.error.message, /the gateway is ending/);
  }
  assertEquals(prepared, 2);
  await lab.make("go");
  await drained;
  assertEquals(await Deno.readTextFile(lab.path("done")), "1 ");
  assertEquals(lab.log, ["reloading: first"]);
});

for (const [name, hangs] of [["is prepared", "prepare"], ["loads in its workers", "load"]]) {
  Deno.test(`the gateway ends while a generation ${name}, and does not wait for it`, async () => {
    const gate = new Gate();
    let prepared = 0;
    await using lab = await ReloadLab.start({
      workers: 2,
      prepare: async (usual) => {
        if (++prepared === 2 && hangs === "prepare") await gate.pass();
        return usual();
      },
    });
    await Deno.writeTextFile(
      lab.path("app.ts"),
      `await Deno.writeTextFile(${JSON.stringify(lab.path("loading"))}, "");\n` +
        "await new Promise((resolve) => setTimeout(resolve, 3_600_000));\n",
    );
    const reload = lab.reload();
    if (hangs === "prepare") await gate.reached;
    else await until("it loads", () => Deno.stat(lab.path("loading")).catch(() => null));
    await lab.generations.drain();
    gate.open();
    const outcome = await reload;
    assert(outcome.kind === "failed");
    assertMatch(outcome.error.message, /the gateway is ending/);
    assertEquals(lab.log, ["reloading: a test"]);
  });
}

Deno.test("what an old generation does not finish in time is cut off", async () => {
  await using lab = await ReloadLab.start({ drainTimeoutMs: 300 });
  using stream = await lab.connect();
  await stream.send(get(`/gated-stream?token=a&file=${lab.path("never")}`));
  const hanging = lab.ask("/hang");
  // Both have begun when this is answered.
  assertEquals((await lab.ask("/"))[1], "1");
  await lab.version(2);
  assertEquals((await lab.reload()).kind, "reloaded");
  assertEquals((await hanging)[0], 502);
  const rest = await stream.rest();
  assertStringIncludes(rest, "1 a first");
  assert(!rest.includes("\r\n0\r\n"), "it can be seen that it is not complete");
  assertEquals(lab.log.filter((line) => line.includes("cut off")).length, 1);
  assertEquals(await lab.ask("/?token=b"), [200, "2", "2 b"]);
});

Deno.test("an old generation that is done ends, long before it would be cut off", async () => {
  await using lab = await ReloadLab.start();
  const file = lab.path("pulse");
  await Deno.writeTextFile(
    lab.path("app.ts"),
    `setInterval(() => Deno.writeTextFileSync(${JSON.stringify(file)}, ""), 10);\n` +
      "export default () => new Response('beats');\n",
  );
  await lab.reload();
  await until("it beats", () => Deno.stat(file).catch(() => null));
  await lab.version(3);
  await lab.reload();
  await until("it beats no more", async () => {
    await Deno.remove(file).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    return await Deno.stat(file).then(() => false, () => true);
  });
  assert(!lab.log.join().includes("cut off"));
});

Deno.test("what is under way goes on in the old generation to its end, and is told of nothing", async (test) => {
  await using lab = await ReloadLab.start({ workers: 2 });
  const file = lab.path("go");
  using stream = await lab.connect();
  await stream.send(get(`/gated-stream?token=stream&file=${file}`));
  using poll = await lab.connect();
  await poll.send(get(`/gated?token=poll&file=${file}`));
  using upload = await lab.connect();
  await upload.send(
    "POST /upload?token=upload HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\nfirst",
  );
  using chunked = await lab.connect();
  await chunked.send(
    "POST /upload?token=chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
  );
  using pipelined = await lab.connect();
  await pipelined.send(get(`/gated?token=1st&file=${file}`) + get("/?token=2nd"));
  const go = lab.path("background-go");
  const done = lab.path("background-done");
  assertEquals((await lab.ask(`/background?token=b&file=${done}&go=${go}`))[1], "1");
  // Every worker has got what was sent before.
  for (let i = 0; i < 4; i++) await lab.ask("/");
  for (const version of [2, 3]) {
    await lab.version(version);
    await lab.reload();
    assertEquals((await lab.ask("/?token=x"))[2], `${version} x`);
  }
  await lab.make("go");
  await test.step("a stream", async () => {
    const { headers, body } = await stream.receive();
    assertEquals(body, "1 stream first\n1 stream last false\n");
    assertEquals(headers.get("x-generation"), "1");
  });
  await test.step("a long poll", async () => {
    const { headers, body } = await poll.receive();
    assertEquals([headers.get("x-generation"), body], ["1", "1 poll false"]);
    await poll.send(get("/?token=later"));
    assertEquals((await poll.receive()).body, "3 later");
  });
  await test.step("an upload of known length, larger than what is taken at once", async () => {
    await upload.send("x".repeat(599_995));
    assertEquals((await upload.receive()).body, "1 upload 600000 false");
  });
  await test.step("an upload in chunks", async () => {
    await chunked.send("5\r\nseven\r\n0\r\n\r\n");
    assertEquals((await chunked.receive()).body, "1 chunked 8 false");
  });
  await test.step("requests that were sent together", async () => {
    assertEquals((await pipelined.receive()).body, "1 1st false");
    assertEquals((await pipelined.receive()).body, "1 2nd");
  });
  await test.step("what waitUntil() was given", async () => {
    assertEquals(await Deno.stat(done).catch(() => null), null);
    await lab.make("background-go");
    await until("it is done", () => Deno.stat(done).catch(() => null));
    assertEquals(await Deno.readTextFile(done), "1 b");
  });
  assert(!lab.log.join().includes("cut off"));
});

Deno.test("a client that goes while the old generation works for it fires the signal", async () => {
  await using lab = await ReloadLab.start();
  const gone = lab.path("gone");
  await Deno.writeTextFile(
    lab.path("app.ts"),
    `export default (_, { signal }) => new Promise(() => {
       signal.onabort = () => Deno.writeTextFileSync(${JSON.stringify(gone)}, "");
       Deno.writeTextFileSync(${JSON.stringify(lab.path("begun"))}, "");
     });\n`,
  );
  await lab.reload();
  const client = await lab.connect();
  await client.send(get("/"));
  await until("it has begun", () => Deno.stat(lab.path("begun")).catch(() => null));
  await lab.version(3);
  await lab.reload();
  assertEquals(await Deno.stat(gone).catch(() => null), null);
  client[Symbol.dispose]();
  await until("the signal fires", () => Deno.stat(gone).catch(() => null));
});

Deno.test("a worker that dies while it finishes costs its requests 502, and is not replaced", async () => {
  await using lab = await ReloadLab.start({ workers: 2 });
  const [file, go] = [lab.path("crash"), lab.path("go")];
  const crashing = lab.ask(`/crash-when?file=${file}`);
  const gated = lab.ask(`/gated?token=a&file=${go}`);
  for (let i = 0; i < 4; i++) await lab.ask("/");
  await lab.version(2);
  await lab.reload();
  await lab.make("crash");
  assertEquals((await crashing).slice(0, 2), [502, "1"]);
  await until(
    "it is said",
    () =>
      lab.log.some((line) =>
        /^worker \d has an error that nobody catches: .*on purpose/.test(line)
      ),
  );
  await lab.make("go");
  assertEquals(await gated, [200, "1", "1 a false"]);
  assertEquals(await lab.ask("/?token=b"), [200, "2", "2 b"]);
  assert(!lab.log.join("\n").includes("started again"), lab.log.join("\n"));
});

/** An app whose workers start once: later ones load until the gateway ends. */
function startsOnce(folder: string): string {
  return `const started = await Deno.stat("${folder}/started").catch(() => null);
if (started) await new Promise((resolve) => setTimeout(resolve, 3_600_000));
await Deno.writeTextFile("${folder}/started", "");
export default () => { setTimeout(() => { throw new Error("uncaught on purpose"); }); return new Promise(() => {}); };
`;
}

for (const mounted of ["there, too", "not there any more"]) {
  Deno.test(`requests that wait for a worker go to the new generation, where their app is ${mounted}`, async () => {
    let generation = 0;
    await using lab = await ReloadLab.start({
      prepare: async (usual, folder) => {
        if (++generation > 1) {
          return mounted === "there, too"
            ? usual()
            : loadable(`file://${folder}/app.ts`, 1, "/elsewhere");
        }
        await Deno.writeTextFile(`${folder}/once.ts`, startsOnce(folder));
        return loadable(`file://${folder}/once.ts`);
      },
    });
    assertEquals((await lab.ask("/"))[0], 502);
    using waiting = await lab.connect();
    await waiting.send(
      "POST /upload?token=w HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nsent ",
    );
    using gone = await lab.connect();
    await gone.send(get("/?token=gone"));
    gone[Symbol.dispose]();
    await waiting.send("early");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await lab.reload();
    await waiting.send("..");
    const { status, headers, body } = await waiting.receive();
    assertEquals(
      [status, headers.get("x-generation"), mounted === "there, too" ? body : ""],
      mounted === "there, too" ? [200, "2", "1 w 12 false"] : [404, null, ""],
    );
  });
}

const answers: Record<string, [method: string, path: string, status: number]> = {
  "a plain response": ["GET", "/?token=a", 200],
  "a stream": ["GET", "/stream?parts=3&ms=1", 200],
  "a response to HEAD": ["HEAD", "/?token=a", 200],
  "a response without a body": ["GET", "/status?code=204", 204],
  "not modified": ["GET", "/status?code=304", 304],
  "an error of the app's own": ["GET", "/status?code=418", 418],
  "an error that was thrown": ["GET", "/throw", 500],
  "an error that was thrown, to HEAD": ["HEAD", "/throw", 500],
  "a method that no app gets": ["TRACE", "/", 501],
  "a worker that died": ["GET", "/crash", 502],
};
Deno.test("the generation's header is on each response, once", async (test) => {
  await using lab = await ReloadLab.start();
  await lab.reload();
  for (const [name, [method, path, status]] of Object.entries(answers)) {
    await test.step(name, async () => {
      const [got, generation] = await lab.ask(path, method);
      assertEquals([got, generation], [status, "2"]);
    });
  }
});
