/**
 * The servers that `gatehouse config` makes configurations of.
 *
 * @module
 */

import { apacheConfig } from "./apache.ts";
import { caddyConfig } from "./caddy.ts";
import { haproxyConfig } from "./haproxy.ts";
import { lighttpdConfig } from "./lighttpd.ts";
import { mongrel2Config } from "./mongrel2.ts";
import { nginxConfig } from "./nginx.ts";
import type { Site } from "./site.ts";

/** Makes the configuration of each, of a web server in front. */
export const FRONTS: ReadonlyMap<string, (site: Site) => string> = new Map([
  ["nginx", nginxConfig],
  ["apache", apacheConfig],
  ["lighttpd", lighttpdConfig],
  ["caddy", caddyConfig],
  ["haproxy", haproxyConfig],
  ["mongrel2", mongrel2Config],
]);
