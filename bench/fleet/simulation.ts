/**
 * Runs a scenario under one policy: a discrete-event simulation. The same seed gives the same outcome, and other
 * policies meet the same requests at the same times.
 *
 * @module
 */

import { Agenda } from "./agenda.ts";
import { Dispatcher } from "./dispatcher.ts";
import { meanMsOf } from "./durations.ts";
import { FailurePlan } from "./failures.ts";
import { Fleet } from "./fleet.ts";
import { placementOf } from "./placement.ts";
import { RandomStream } from "./random.ts";
import type { Outcome } from "./recorder.ts";
import { Recorder } from "./recorder.ts";
import type { Request } from "./request.ts";
import { Purpose, RequestSource } from "./request_source.ts";
import type { PolicyName, Scenario } from "./scenario.ts";
import { servedPerSecond } from "./scenario.ts";
import { partMsOf } from "../../src/load/timeline.ts";

/** Runs `scenario` with dispatchers that choose by `policy`. */
export function simulate(scenario: Scenario, policy: PolicyName): Outcome {
  return new Simulation(scenario, policy).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #agenda = new Agenda();
  readonly #recorder: Recorder;
  readonly #fleet: Fleet;
  readonly #failures: FailurePlan;
  readonly #source: RequestSource;
  #came = 0;
  #lastMs = 0;

  constructor(scenario: Scenario, policy: PolicyName) {
    this.#scenario = scenario;
    const { seed, keys } = scenario;
    this.#source = new RequestSource(scenario);
    const shapes = Fleet.shapesOf(scenario);
    this.#recorder = new Recorder(this.#agenda, {
      ...scenario,
      keys: keys.count,
      nodes: shapes.length,
      partMs: partMsOf(expectedMs(scenario)),
    }, () => this.#ended());
    const dispatchers = Array.from({ length: scenario.dispatchers }, (_, place) =>
      new Dispatcher(
        this.#agenda,
        placementOf(policy, new RandomStream(seed, Purpose.Policies + place)),
        {
          ...scenario,
          maxQueue: scenario.queue.max,
          queueTimeoutMs: scenario.queue.timeoutMs,
          // They have begun at different times.
          firstPingMs: place * scenario.pingIntervalMs / scenario.dispatchers,
        },
        this.#recorder,
      ));
    this.#fleet = new Fleet(this.#agenda, scenario, shapes, dispatchers);
    this.#failures = new FailurePlan(
      this.#agenda,
      scenario.failures,
      this.#fleet,
      new RandomStream(seed, Purpose.Failures),
    );
  }

  run(): Outcome {
    const { arrivals } = this.#scenario;
    this.#failures.begin();
    if (arrivals.kind === "closed") {
      for (let client = 0; client < arrivals.clients; client++) this.#thinkThenAsk();
    } else {
      this.#planArrival();
    }
    this.#agenda.run();
    return this.#recorder.finish(this.#lastMs);
  }

  /** One arrival at a time is on the agenda: each plans the next one. */
  #planArrival(): void {
    this.#agenda.in(this.#source.nextGapMs(), {
      happen: () => {
        if (this.#arrive()) this.#planArrival();
      },
    });
  }

  /** What a client of a closed loop does when it has its answer. */
  #thinkThenAsk(): void {
    this.#agenda.in(this.#source.nextThinkMs(), { happen: () => void this.#arrive() });
  }

  /** Lets a request come; whether more are to come. */
  #arrive(): boolean {
    const { requests, durationMs } = this.#scenario;
    const { nowMs } = this.#agenda;
    if (this.#came >= (requests ?? Infinity) || nowMs > (durationMs ?? Infinity)) {
      this.#failures.end();
      return false;
    }
    this.#came++;
    this.#lastMs = nowMs;
    const traits = this.#source.next();
    const request: Request = {
      ...traits,
      arrivedMs: nowMs,
      tries: 0,
      node: -1,
      waitsIn: null,
      deadlineMs: Infinity,
    };
    this.#recorder.came(request);
    this.#fleet.dispatchers[traits.dispatcher].arrived(request);
    return true;
  }

  #ended(): void {
    const { arrivals, clientMs } = this.#scenario;
    if (arrivals.kind !== "closed") return;
    this.#agenda.in(clientMs, { happen: () => this.#thinkThenAsk() });
  }
}

/** How long it takes about, for the length of the timeline's parts: as requests come, or as they can be served. */
function expectedMs({ requests, durationMs, arrivals, service, nodes }: Scenario): number {
  const meanMs = meanMsOf(service);
  const gapMs = arrivals.kind === "closed"
    ? (meanMs + meanMsOf(arrivals.think)) / arrivals.clients
    : 1_000 / arrivals.perSecond;
  const eachMs = Math.max(gapMs, 1_000 / servedPerSecond(nodes, meanMs));
  return Math.min(durationMs ?? Infinity, (requests ?? Infinity) * eachMs);
}
