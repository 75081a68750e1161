/**
 * The nodes and dispatchers of a simulation, and what befalls the nodes.
 *
 * @module
 */

import type { Agenda } from "./agenda.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { NodeShape } from "./node.ts";
import { FleetNode } from "./node.ts";
import type { FailureKind, Scenario } from "./scenario.ts";

/** All nodes, as dispatchers know them. */
export class Fleet {
  readonly dispatchers: readonly Dispatcher[];
  readonly #agenda: Agenda;
  readonly #scenario: Scenario;
  readonly #shapes: readonly NodeShape[];
  /** The present node of each number; those that join later are missing. */
  readonly #nodes: (FleetNode | undefined)[];

  constructor(
    agenda: Agenda,
    scenario: Scenario,
    shapes: readonly NodeShape[],
    dispatchers: readonly Dispatcher[],
  ) {
    this.#agenda = agenda;
    this.#scenario = scenario;
    this.#shapes = shapes;
    this.dispatchers = dispatchers;
    const present = shapes.length - joiningOf(scenario);
    this.#nodes = shapes.map((shape) => shape.index < present ? this.#made(shape) : undefined);
    for (const node of this.#nodes.slice(0, present)) {
      for (const dispatcher of dispatchers) dispatcher.welcome(node!);
    }
  }

  /** The shape of each node by its number. Those that join later come last, and are like the first group. */
  static shapesOf(scenario: Scenario): NodeShape[] {
    const groups = [...scenario.nodes, { ...scenario.nodes[0], count: joiningOf(scenario) }];
    return groups.flatMap((group) => Array.from({ length: group.count }, () => group))
      .map(({ workers, capacity, speed }, index) => ({ index, workers, capacity, speed }));
  }

  /** How many numbers there are. */
  get size(): number {
    return this.#shapes.length;
  }

  /** Whether the node of this number is there, and nothing ails it. */
  isWell(index: number): boolean {
    return this.#nodes[index]?.isWell ?? false;
  }

  /** The numbers of nodes that are yet to join. */
  get missing(): readonly number[] {
    return this.#shapes.map(({ index }) => index).filter((index) =>
      this.#nodes[index] === undefined
    );
  }

  /**
   * Lets something befall the node of this number, which must be well, or missing if it joins. After `forMs` it is
   * as before, and `onRecovery` is told; never if that is `null`.
   */
  befall(index: number, kind: FailureKind, forMs: number | null, onRecovery: () => void): void {
    const node = this.#nodes[index];
    const recovery = node === undefined ? this.#join(index) : this.#harm(node, kind);
    if (forMs === null) return;
    this.#agenda.in(forMs, {
      happen: () => {
        recovery();
        onRecovery();
      },
    });
  }

  /** Does it; gives what undoes it. */
  #harm(node: FleetNode, kind: FailureKind): () => void {
    const { index } = node.shape;
    switch (kind) {
      case "crash":
        node.die();
        if (this.#scenario.crashNotice === "pings") this.#watch(node);
        else this.#tell((dispatcher) => this.#reset(dispatcher, node));
        return () => this.#join(index);
      case "freeze":
        node.freeze();
        this.#watch(node);
        return () => {
          node.thaw();
          this.#announce(node);
        };
      case "cut":
        node.cut();
        this.#watch(node);
        return () => {
          node.heal();
          this.#announce(node);
        };
      case "leave":
      case "join":
        return this.#leave(node);
    }
  }

  #reset(dispatcher: Dispatcher, node: FleetNode): void {
    if (this.#scenario.crashNotice === "reset") dispatcher.lose(node);
    else dispatcher.loseAtSending(node);
  }

  /** A new node of this number comes; gives what lets it leave. */
  #join(index: number): () => void {
    const node = this.#nodes[index] = this.#made(this.#shapes[index]);
    this.#announce(node);
    return () => void this.#leave(node);
  }

  /** A node leaves; gives what lets it come again. */
  #leave(node: FleetNode): () => void {
    node.isLeaving = true;
    this.#tell((dispatcher) => dispatcher.dismiss(node));
    return () => void this.#join(node.shape.index);
  }

  #made(shape: NodeShape): FleetNode {
    return new FleetNode(this.#agenda, shape, this.#scenario);
  }

  #announce(node: FleetNode): void {
    this.#tell((dispatcher) => {
      // It may have died, or stand still, by then.
      if (node.silentSinceMs === Infinity) dispatcher.welcome(node);
    });
  }

  #watch(node: FleetNode): void {
    for (const dispatcher of this.dispatchers) dispatcher.watch(node);
  }

  /** What a node says arrives at each dispatcher after a while. */
  #tell(say: (dispatcher: Dispatcher) => void): void {
    this.#agenda.in(this.#scenario.networkMs, {
      happen: () => this.dispatchers.forEach(say),
    });
  }
}

/** How many nodes join. */
function joiningOf({ failures }: Scenario): number {
  return failures.reduce((sum, { kind, count }) => sum + (kind === "join" ? count : 0), 0);
}
