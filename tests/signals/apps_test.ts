import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("./signals_app.ts", import.meta.url).pathname;
const SET_UPS = [
  ["--workers", "0"],
  ["--workers", "1"],
  ["--workers", "2"],
  ["--processes", "2", "--workers", "2"],
];

/** A gateway of the app, and clients that each have a connection of their own. */
class Lab implements AsyncDisposable {
  readonly #gateway: GatewayProcess;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
  }

  static async start(args: readonly string[]): Promise<Lab> {
    return new Lab(await startGateway([APP, ...args]));
  }

  /** Lines of its log. */
  get log(): readonly string[] {
    return this.#gateway.log;
  }

  get port(): number {
    return this.#gateway.port;
  }

  /** Reloads the apps. */
  async reload(): Promise<void> {
    const before = this.#gateway.log.length;
    this.#gateway.kill("SIGHUP");
    await this.#gateway.logged(/generation \d+ serves$/, { before });
  }

  async ask(path: string): Promise<string> {
    using client = await RawClient.connect(this.port);
    await client.send(get(path));
    return (await client.receive()).body;
  }

  /** Asks, and returns the answer of a client that may leave before it comes. */
  async begin(path: string): Promise<RawClient> {
    const client = await RawClient.connect(this.port);
    await client.send(get(path));
    return client;
  }

  /** Resolves when so many wait for the signal. */
  async waiting(name: string, count: number): Promise<void> {
    while (await this.ask(`/waiting?name=${name}`) !== String(count)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway[Symbol.asyncDispose]();
  }
}

for (const args of SET_UPS) {
  Deno.test(`signals and topics, ${args.join(" ")}`, async (test) => {
    await using lab = await Lab.start(args);
    const step = (what: string, body: () => Promise<void>) => test.step(what, body);

    await step("a signal wakes all that wait for it, and tells how many that were", async () => {
      const waiters = Array.from({ length: 20 }, () => lab.ask("/wait?name=all"));
      await lab.waiting("all", 20);
      assertEquals(await lab.ask("/send?name=another&value=1"), "0");
      assertEquals(await lab.ask("/send?name=all&value=news"), "20");
      assertEquals(new Set(await Promise.all(waiters)), new Set(['"news"']));
      assertEquals(await lab.ask("/send?name=all&value=news"), "0");
    });

    await step("a signal for one wakes each that waits once, and no more", async () => {
      const waiters = Array.from({ length: 12 }, () => lab.ask("/wait?name=one"));
      await lab.waiting("one", 12);
      const sent = Array.from(
        { length: 16 },
        (_, i) => lab.ask(`/send?name=one&value=${i}&wake=one`),
      );
      const counts = (await Promise.all(sent)).sort().join("");
      assertEquals(counts, "0".repeat(4) + "1".repeat(12));
      assertEquals(new Set(await Promise.all(waiters)).size, 12);
    });

    await step("values of all kinds arrive as they were", async () => {
      const waiter = lab.ask("/wait?name=kinds");
      await lab.waiting("kinds", 1);
      assertEquals(await lab.ask("/send-kinds?name=kinds"), "1");
      const expected = {
        map: new Map([["a", new Set([1n, new Date(5)])]]),
        bytes: new Uint8Array([1, 2]),
        nothing: undefined,
      };
      assertEquals(await waiter, Deno.inspect(expected, { depth: 9, sorted: true }));
    });

    await step("a wait ends in its time, or with its signal", async () => {
      const [late, aborted, before] = await Promise.all([
        lab.ask("/wait?name=late&ms=30"),
        lab.ask("/wait?name=late&abort=30"),
        lab.ask("/wait?name=late&aborted"),
      ]);
      assertEquals(late, 'SignalTimeoutError: nobody has sent the signal "late" in 30 ms');
      assert(aborted.startsWith("TimeoutError: "), aborted);
      assertEquals(before, "gone before");
      await lab.waiting("late", 0);
    });

    await step("a client that leaves waits no more, and one that stays is woken", async () => {
      const leaving = await lab.begin("/wait?name=left");
      const staying = lab.ask("/wait?name=left");
      await lab.waiting("left", 2);
      leaving[Symbol.dispose]();
      await lab.waiting("left", 1);
      assertEquals(await lab.ask("/send?name=left&value=1&wake=one"), "1");
      assertEquals(await staying, '"1"');
    });

    for (const kind of ["early", "late"]) {
      await step(
        `a client that leaves costs nothing to an app that is ${kind} to hear of it`,
        async () => {
          const before = lab.log.length;
          (await lab.begin(`/${kind}-wait?name=${kind}`))[Symbol.dispose]();
          while (!(await lab.ask("/ends")).includes(`${kind}: ${kind} `)) {
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          assertEquals(await lab.ask(`/send?name=${kind}&wake=one`), "0");
          assertEquals(lab.log.slice(before), []);
        },
      );
    }

    // The limits are the worker's.
    const many = args[1] === "1"
      ? [["/send-much?count=17000", /^616 SignalLimitError$/] as const]
      : [];
    for (
      const [path, expected] of [
        ...many,
        ["/wait?name=", /^TypeError: the name of a signal is well-formed text/],
        [`/wait?name=${"x".repeat(257)}`, /^SignalLimitError: the name of a signal has up to 256/],
        [`/wait?name=${"%C3%A4".repeat(129)}`, /^SignalLimitError: the name of a signal has up to/],
        ["/wait?ms=-1", /^RangeError: timeoutMs is -1/],
        ["/wait?ms=x", /^RangeError: timeoutMs is NaN/],
        ["/send?wake=none", /^TypeError: wake is neither/],
        ["/send-function", /^DataCloneError: /],
        ["/send-size?bytes=65536", /^SignalLimitError: the value takes 65537 bytes/],
        ["/send-size?bytes=65535", /^0$/],
        [`/publish?name=${"x".repeat(257)}`, /^SignalLimitError: the name of a topic/],
        ["/read?name=", /^TypeError: the name of a topic is well-formed text/],
      ] as const
    ) {
      await step(`${path.slice(0, 40)} gives ${expected}`, async () => {
        const answer = await lab.ask(path);
        assert(expected.test(answer), answer);
      });
    }

    await step("a subscriber resumes after the last event that it has seen", async () => {
      const first = await lab.ask("/publish?name=topic&value=a");
      await lab.ask("/publish?name=topic&value=b");
      const live = lab.ask(`/read?name=topic&after=${first}&count=3`);
      await lab.ask("/publish?name=topic&value=c");
      await lab.ask("/publish?name=topic&value=d");
      assertEquals(await live, '"b","c","d"');
      assertEquals(await lab.ask("/read?name=topic&after=0&count=4"), '"a","b","c","d"');
    });

    await step("a subscriber learns that what it asks for is not kept", async () => {
      for (const after of ["1-1", "nonsense", "9".repeat(300), "%0d%0a"]) {
        assertEquals(await lab.ask(`/read?name=topic&after=${after}&count=2`), 'gap,"a"', after);
      }
      const last = await lab.ask("/publish?name=long&count=1500");
      assertEquals(await lab.ask("/read?name=long&after=0&count=2"), "500,501");
      const [epoch, count] = last.split("-");
      const old = `${epoch}-${Number(count) - 1_499}`;
      assertEquals(await lab.ask(`/read?name=long&after=${old}&count=2`), "gap,500");
      const kept = `${epoch}-${Number(count) - 1_000}`;
      assertEquals(await lab.ask(`/read?name=long&after=${kept}&count=2`), "500,501");
    });

    await step("a slow subscriber reads the history, and learns what it has missed", async () => {
      assertEquals(await lab.ask("/slow?name=slow&count=900"), "900 0 true");
      const [seen, gaps, order] = (await lab.ask("/slow?name=slower&count=1700")).split(" ");
      assert(Number(seen) >= 1_000 && Number(seen) < 1_700, seen);
      assertEquals([gaps, order], ["1", "false"]);
    });
  });
}

for (const args of SET_UPS.slice(2)) {
  Deno.test(`signals reach requests of a former generation, ${args.join(" ")}`, async () => {
    await using lab = await Lab.start(args);
    const old = lab.ask("/wait?name=generations");
    await lab.waiting("generations", 1);
    await lab.reload();
    const young = lab.ask("/wait?name=generations");
    await lab.waiting("generations", 2);
    assertEquals(await lab.ask("/send?name=generations&value=1"), "2");
    assertEquals(await Promise.all([old, young]), ['"1"', '"1"']);
  });

  Deno.test(`a reload ends subscriptions, which go on without loss, ${args.join(" ")}`, async () => {
    await using lab = await Lab.start(args);
    const first = await lab.ask("/publish?name=topic&value=a");
    const cut = lab.ask(`/read?name=topic&after=${first}&count=9`);
    await lab.ask("/publish?name=topic&value=b");
    await lab.reload();
    await lab.ask("/publish?name=topic&value=c");
    assert(["", '"b"', '"b","c"'].includes(await cut), await cut);
    // Another process may reload yet: its clients come back.
    let all = "";
    while (all === "") all = await lab.ask("/read?name=topic&after=0&count=3");
    assertEquals(all, '"a","b","c"');
  });
}
