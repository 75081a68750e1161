/**
 * What apps see of the environment: not what is for gatehouse itself, nor what is a secret between it
 * and registries.
 *
 * @module
 */

import type { ServeSettings } from "../config/settings.ts";
import { NOTIFY_VARIABLES } from "../notify/service_manager.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { deleteVariable, setVariable } from "../base/surroundings.ts";

/** Options, and where the cache and the library are. */
const OWN = /^GATEHOUSE_/;
/** Who the loader is to registries and hosts of modules. */
const CREDENTIALS =
  /^(?:DENO_AUTH_TOKENS|JSR_TOKEN|NPM_TOKEN|NODE_AUTH_TOKEN|NPM_CONFIG_.*(?:_AUTH|TOKEN|PASSWORD).*)$/i;

/** The process's environment, as apps share it. */
export class AppEnvironment {
  readonly #env: Surroundings["env"];
  readonly #hidden = new Set<string>();

  /** Nothing is hidden yet. */
  constructor({ env }: Surroundings) {
    this.#env = env;
  }

  /**
   * Removes what the apps of `settings` must not see, and restores what they may see by now. A
   * variable that `--app-allow-env` names is always to be seen; credentials are by apps that may do
   * everything.
   */
  showTo(settings: ServeSettings): void {
    for (const [name, value] of Object.entries(this.#env)) {
      const isHidden = isKept(name, settings);
      if (isHidden === this.#hidden.has(name)) continue;
      if (isHidden) {
        deleteVariable(name);
        this.#hidden.add(name);
      } else {
        setVariable(name, value);
        this.#hidden.delete(name);
      }
    }
  }
}

/** Whether the variable `name` is kept from the apps. */
function isKept(name: string, settings: ServeSettings): boolean {
  const isOwn = OWN.test(name) || (NOTIFY_VARIABLES as readonly string[]).includes(name);
  if (!isOwn && !CREDENTIALS.test(name)) return false;
  const { mounts, workers, appAllowAll, appPermissions } = settings;
  return !mounts.some(({ permissions }) => {
    const asked = permissions ?? (appAllowAll || workers === 0 ? "inherit" : appPermissions);
    if (asked === "inherit") return !isOwn;
    return Array.isArray(asked.env) && asked.env.some((entry) => isNamed(name, entry));
  });
}

/** Whether `entry`, as Deno has it, names the variable `name`: with a star at its end, many. */
function isNamed(name: string, entry: string): boolean {
  return entry.endsWith("*") ? name.startsWith(entry.slice(0, -1)) : name === entry;
}
