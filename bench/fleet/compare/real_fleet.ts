/**
 * A real dispatcher, and handlers whose apps wait as long as requests say: what the simulation is compared with.
 *
 * @module
 */

import type { Scenario } from "../scenario.ts";
import { FakeMongrel2 } from "../../../tests/support/fake_mongrel2.ts";
import type { GatewayProcess } from "../../../tests/support/gateway.ts";
import { startGateway } from "../../../tests/support/gateway.ts";

/** The header that requests stick by. */
export const KEY_HEADER = "x-key";

const APP = new URL("../../apps/sleeping.ts", import.meta.url);

/** The processes of a scenario of one dispatcher, and what is in the place of Mongrel2. */
export class RealFleet implements AsyncDisposable {
  /** Sends requests, and takes their answers. */
  readonly mongrel2: FakeMongrel2;
  readonly #handlers: readonly GatewayProcess[];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    mongrel2: FakeMongrel2,
    handlers: readonly GatewayProcess[],
    resources: AsyncDisposableStack,
  ) {
    this.mongrel2 = mongrel2;
    this.#handlers = handlers;
    this.#resources = resources;
  }

  /** Starts all of it, handlers in the order of their numbers. Resolves when the dispatcher knows all of them. */
  static async start(scenario: Scenario, policy: "least-busy" | "sticky"): Promise<RealFleet> {
    await using resources = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir();
    resources.defer(() => Deno.remove(folder, { recursive: true }));
    const mongrel2 = resources.use(new FakeMongrel2());
    const { queue, pingIntervalMs } = scenario;
    const dispatcher = resources.use(
      await startGateway([
        ...["dispatch", `${mongrel2.send},recv=${mongrel2.recv}`, "tcp://127.0.0.1:0"],
        ...[`--max-queue=${queue.max}`, `--ping-interval=${pingIntervalMs}ms`],
        ...(queue.timeoutMs === null ? [] : [`--queue-timeout=${queue.timeoutMs}ms`]),
        ...(policy === "sticky" ? [`--sticky-header=${KEY_HEADER}`] : []),
      ]),
    );
    const listening = await dispatcher.logged(/^listening dispatch\+tcp:/);
    const endpoint = listening.replace("listening ", "");
    const handlers: GatewayProcess[] = [];
    const groups = scenario.nodes.flatMap((group) => new Array(group.count).fill(group));
    for (const [node, { capacity }] of groups.entries()) {
      const app = `${folder}/node-${node}.ts`;
      await Deno.copyFile(APP, app);
      handlers.push(resources.use(
        await startGateway([
          ...[app, "--workers=1"],
          ...["--mongrel2", `${endpoint},name=node-${node},capacity=${capacity}`],
        ]),
      ));
      await dispatcher.logged(new RegExp(`handler node-${node} has come`));
    }
    return new RealFleet(mongrel2, handlers, resources.move());
  }

  /** Sends a signal to the handler of a node. */
  kill(node: number, signal: Deno.Signal): void {
    this.#handlers[node].kill(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}
