/**
 * Options by environment variables: `GATEHOUSE_WORKERS=4`.
 *
 * @module
 */

import type { Given } from "./given.ts";
import { givenIn } from "./given.ts";
import { nearest } from "../base/nearest.ts";
import type { OptionSpec } from "./option_spec.ts";
import { OPTIONS } from "./options.ts";

const PREFIX = "GATEHOUSE_";

/** Variables that are not options, and prefixes of those of tests. */
const OTHERS = /^GATEHOUSE_(?:CACHE|STATE|LIBZMQ|INSTALL|RELEASES|TEST_\w*)$/;

/** The variable of an option. */
export function variableOf({ name }: OptionSpec): string {
  return PREFIX + name.toUpperCase().replaceAll("-", "_");
}

/**
 * What the environment gives for the options. Empty variables do not count; `warn` is called for
 * others that look like options but are not.
 *
 * @throws {ConfigError} if a boolean value is neither true nor false
 */
export function givenByEnvironment(
  env: Readonly<Record<string, string>>,
  warn: (message: string) => void,
): Given[] {
  const options = new Map(
    OPTIONS.filter(({ givenBy }) => givenBy !== "flag").map((each) => [variableOf(each), each]),
  );
  return Object.entries(env).flatMap(([name, value]) => {
    if (!name.startsWith(PREFIX) || OTHERS.test(name)) return [];
    const option = options.get(name);
    if (option === undefined) {
      const known = [...options.keys()];
      warn(`the environment variable ${name} is not a setting of gatehouse${nearest(name, known)}`);
      return [];
    }
    const text = value.trim();
    return text === "" ? [] : givenIn(option, text, name, `environment ${name}`);
  });
}
