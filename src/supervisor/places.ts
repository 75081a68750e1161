/**
 * Where several processes listen: on the same ports, and on unix sockets of their own.
 *
 * @module
 */

import type { ServeSettings } from "../config/settings.ts";
import { ConfigError } from "../base/errors.ts";
import { hostText } from "../net/address.ts";
import type { ListenAddress } from "../net/address.ts";
import { listen } from "../net/listen.ts";
import { portKey } from "./protocol.ts";

/** What stands for the process's number in paths of unix sockets. */
const NUMBER = "{n}";
const SCHEMES = ["http", "https", "redirectHttp", "fastcgi"] as const;

/** Ports that are reserved for the processes until one of them listens there. */
export interface ReservedPorts extends Disposable {
  /** The ports that were chosen for addresses with port 0, by {@linkcode portKey}. */
  readonly ports: Readonly<Record<string, number>>;
}

function optionName(scheme: typeof SCHEMES[number]): string {
  return scheme === "redirectHttp" ? "redirect-http" : scheme;
}

/** @throws {ConfigError} if processes cannot share the addresses of `settings` */
export function checkShareable(settings: ServeSettings): void {
  for (const scheme of SCHEMES) {
    for (const address of settings[scheme]) {
      if (address.transport === "unix" && !address.path.includes(NUMBER)) {
        throw new ConfigError(
          `--${
            optionName(scheme)
          } unix:${address.path}: with --processes each process has a socket of its own: ` +
            `put ${NUMBER}, its number, into the path (unix:/run/app-${NUMBER}.sock)`,
        );
      }
      if (address.transport === "tcp" && Deno.build.os === "windows") {
        throw new ConfigError(
          "--processes requires SO_REUSEPORT to share ports, which Windows does not have",
        );
      }
    }
  }
}

/**
 * Chooses free ports for port 0, and checks that the others are free.
 *
 * A listener that shares its port gets a part of the connections: so one stays open only where
 * clients do not know the port yet.
 *
 * @throws {ListenError} if one is in use
 */
export async function reservePorts(settings: ServeSettings): Promise<ReservedPorts> {
  using listeners = new DisposableStack();
  const ports: Record<string, number> = {};
  for (const scheme of SCHEMES) {
    for (const [index, address] of settings[scheme].entries()) {
      if (address.transport === "unix") continue;
      const isChosen = address.port === 0;
      const { listener } = await listen({
        address,
        backlog: 1,
        tls: undefined,
        sharing: isChosen ? "shared" : "exclusive",
      });
      if (isChosen) {
        ports[portKey(scheme, index)] = (listener.addr as Deno.NetAddr).port;
        listeners.defer(() => listener.close());
      } else {
        listener.close();
      }
    }
  }
  const kept = listeners.move();
  return { ports, [Symbol.dispose]: () => kept.dispose() };
}

/**
 * Puts the chosen ports and the process's number into the addresses of `settings`.
 *
 * @throws {ConfigError} if processes cannot share them, or no port was chosen for one
 */
export function place(
  settings: ServeSettings,
  number: number,
  ports: Readonly<Record<string, number>>,
): void {
  checkShareable(settings);
  for (const scheme of SCHEMES) {
    settings[scheme] = settings[scheme].map((address, index): ListenAddress => {
      if (address.transport === "unix") {
        return { ...address, path: address.path.replaceAll(NUMBER, String(number)) };
      }
      if (address.port !== 0) return address;
      const port = ports[portKey(scheme, index)];
      if (port === undefined) {
        throw new ConfigError(
          `--${optionName(scheme)} ${
            hostText(address.hostname)
          }:0: the supervisor has chosen no port for it; ` +
            "new addresses with port 0 need a full restart",
        );
      }
      return { ...address, port };
    });
  }
}
