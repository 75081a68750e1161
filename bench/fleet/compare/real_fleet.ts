/**
 * A real dispatcher, and handlers whose apps wait as long as requests say: what the simulation is compared with.
 *
 * @module
 */

import { Fleet } from "../fleet.ts";
import type { FailureKind, Scenario } from "../scenario.ts";
import { FakeMongrel2 } from "../../../tests/support/fake_mongrel2.ts";
import type { GatewayProcess } from "../../../tests/support/gateway.ts";
import { startGateway } from "../../../tests/support/gateway.ts";
import { freePort } from "../../../tests/support/peers.ts";
import { Link } from "./link.ts";

/** The header that requests stick by. */
export const KEY_HEADER = "x-key";

const APP = new URL("../../apps/sleeping.ts", import.meta.url);

/** The processes of a scenario, and what is in the place of the Mongrel2 before each dispatcher. */
export class RealFleet implements AsyncDisposable {
  /** What sends requests to the dispatchers, and takes their answers. */
  readonly mongrel2s: readonly FakeMongrel2[];
  readonly #handlers: readonly GatewayProcess[];
  /** The links of each node that go through this process. */
  readonly #links: ReadonlyMap<number, readonly Link[]>;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    mongrel2s: readonly FakeMongrel2[],
    handlers: readonly GatewayProcess[],
    links: ReadonlyMap<number, readonly Link[]>,
    resources: AsyncDisposableStack,
  ) {
    this.mongrel2s = mongrel2s;
    this.#handlers = handlers;
    this.#links = links;
    this.#resources = resources;
  }

  /**
   * Starts all of it, handlers in the order of their numbers, those among them that join later. Resolves when the
   * dispatchers know all others.
   */
  static async start(scenario: Scenario, policy: "least-busy" | "sticky"): Promise<RealFleet> {
    await using resources = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir();
    resources.defer(() => Deno.remove(folder, { recursive: true }));
    const mongrel2s: FakeMongrel2[] = [];
    const dispatchers: GatewayProcess[] = [];
    const endpoints: string[] = [];
    const { queue, pingIntervalMs } = scenario;
    for (let i = 0; i < scenario.dispatchers; i++) {
      const mongrel2 = resources.use(new FakeMongrel2());
      const dispatcher = resources.use(
        await startGateway([
          ...["dispatch", `${mongrel2.send},recv=${mongrel2.recv}`, "tcp://127.0.0.1:0"],
          ...[`--max-queue=${queue.max}`, `--ping-interval=${pingIntervalMs}ms`],
          ...(queue.timeoutMs === null ? [] : [`--queue-timeout=${queue.timeoutMs}ms`]),
          ...(policy === "sticky" ? [`--sticky-header=${KEY_HEADER}`] : []),
        ]),
      );
      const listening = await dispatcher.logged(/^listening dispatch\+tcp:/);
      mongrel2s.push(mongrel2);
      dispatchers.push(dispatcher);
      endpoints.push(listening.replace("listening ", ""));
    }
    const handlers: GatewayProcess[] = [];
    const links = new Map<number, readonly Link[]>();
    const shapes = Fleet.shapesOf(scenario);
    const present = scenario.nodes.reduce((sum, { count }) => sum + count, 0);
    for (const { index: node, capacity } of shapes) {
      const app = `${folder}/node-${node}.ts`;
      await Deno.copyFile(APP, app);
      const isPresent = node < present;
      if (
        !isPresent || scenario.failures.some((each) => each.kind === "cut" && each.node === node)
      ) {
        links.set(node, endpoints.map((each) => resources.use(new Link(each, freePort()))));
      }
      if (isPresent) links.get(node)?.forEach((link) => link.open());
      const own = links.get(node)?.map(({ endpoint }) => endpoint) ?? endpoints;
      // What it takes, it takes of all dispatchers together.
      const settings = `name=node-${node},capacity=${capacity * own.length}`;
      handlers.push(resources.use(
        await startGateway([
          ...[app, "--workers=1"],
          ...own.flatMap((endpoint) => ["--mongrel2", `${endpoint},${settings}`]),
        ]),
      ));
      if (!isPresent) continue;
      for (const dispatcher of dispatchers) {
        await dispatcher.logged(new RegExp(`handler node-${node} has come`));
      }
    }
    return new RealFleet(mongrel2s, handlers, links, resources.move());
  }

  /** Does to a node, or the next one that is to join, what a failure is. */
  befall(kind: FailureKind, node: number | null): void {
    const links = node === null ? [...this.#links.values()].flat() : this.#links.get(node) ?? [];
    switch (kind) {
      case "crash":
        return this.#kill(node!, "SIGKILL");
      case "freeze":
        return this.#kill(node!, "SIGSTOP");
      case "leave":
        return this.#kill(node!, "SIGTERM");
      case "cut":
        return links.forEach((link) => link.cut());
      case "join":
        return links.forEach((link) => link.open());
    }
  }

  /** Undoes what can be undone: one that stands still cannot be ended as others are. */
  mend(kind: FailureKind, node: number | null): void {
    if (kind === "freeze") this.#kill(node!, "SIGCONT");
    if (kind === "cut") this.#links.get(node!)?.forEach((link) => link.mend());
  }

  #kill(node: number, signal: Deno.Signal): void {
    this.#handlers[node].kill(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}
