/**
 * `gatehouse config SERVER`: prints a configuration of a web server in front, or a unit of systemd.
 *
 * @module
 */

import type { Command } from "../config/command.ts";
import { FRONTS } from "../config/fronts/fronts.ts";
import { siteOf } from "../config/fronts/site.ts";
import { systemdUnit } from "../config/fronts/systemd.ts";
import { print } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { ownCommand } from "../supervisor/command.ts";

/**
 * Prints what the command asks for.
 *
 * @throws {ConfigError} if the server cannot do what the settings say
 */
export function serverConfigCommand(
  { server, settings, origins, args }: Command & { readonly kind: "server-config" },
  surroundings: Surroundings,
): void {
  const front = FRONTS.get(server);
  if (front !== undefined) {
    print(front(siteOf(settings)).trimEnd());
    return;
  }
  const { program, first } = ownCommand(surroundings);
  const { cwd } = surroundings;
  print(systemdUnit({ command: [program, ...first], args, cwd, settings, origins }).trimEnd());
}
