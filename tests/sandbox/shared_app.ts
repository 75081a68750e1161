/** An app that looks for what it shares with others: `GET /NAME` does one thing. */

import process from "node:process";
import threads from "node:worker_threads";
import * as threadsNames from "node:worker_threads";

// deno-lint-ignore no-explicit-any
type Any = any;

const NAME = "name";
const heard: string[] = [];
const channels: Any[] = [];
const { locks } = navigator as Any;

const classes: Record<string, () => Any> = {
  "the global class": () => BroadcastChannel,
  "the class of node:worker_threads": () => threads.BroadcastChannel,
  "the class by its name": () => threadsNames.BroadcastChannel,
  "the class of require()": () =>
    (process as Any).getBuiltinModule("worker_threads").BroadcastChannel,
  "the class of an object": () => new BroadcastChannel("other").constructor,
  "the class that it is made of": () =>
    Object.getPrototypeOf(Object.getPrototypeOf(new threads.BroadcastChannel("other"))).constructor,
};

const actions: Record<string, (parameter: string) => unknown> = {
  listen() {
    for (const [name, classOf] of Object.entries(classes)) {
      const channel = new (classOf())(NAME);
      channel.onmessage = ({ data }: MessageEvent) => heard.push(`${data} by ${name}`);
      channels.push(channel);
    }
    return "listening";
  },
  post(text) {
    for (const classOf of Object.values(classes)) {
      const channel = new (classOf())(NAME);
      // What it is made of differs by version.
      if (channel.postMessage === undefined) continue;
      try {
        channel.postMessage(text);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotSupported)) throw error;
      }
      channel.close();
    }
    return "posted";
  },
  heard: () => JSON.stringify(heard),
  "name of a channel": () => channels[0].name,
  "name of a lock": () => locks?.request(NAME, (lock: Any) => lock.name) ?? NAME,
  hold() {
    locks?.request(`held ${NAME}`, () => new Promise(() => {}));
    return "held";
  },
  "is free": () =>
    locks?.request(`held ${NAME}`, { ifAvailable: true }, (lock: Any) => String(lock !== null)) ??
      "true",
  locks: async () =>
    JSON.stringify((await locks?.query())?.held.map(({ name }: Any) => name) ?? []),
  "a lock of a name that there is not": () =>
    locks?.request("-x", () => "got").catch((error: Error) => error.name) ?? "NotSupportedError",
  arguments: () => JSON.stringify([Deno.args, process.argv.slice(2)]),
  caches: () => typeof caches,
};

export default async (request: Request): Promise<Response> => {
  const [name, parameter = ""] = new URL(request.url).pathname.split("/").slice(2)
    .map(decodeURIComponent);
  try {
    return new Response(String(await actions[name](parameter)));
  } catch (error) {
    return new Response(`${error}`);
  }
};
