/**
 * What is said where a connection cannot go on in another protocol.
 *
 * @module
 */

/** A line for the log: an app wants a request that came over `endpoint`, called `name`, to go on in `protocol`. */
export function cannotUpgrade(endpoint: string, name: string, protocol: string): string {
  return `${endpoint}: an app answered a request with an upgrade to ${protocol}, which ${name} cannot ` +
    "carry: let the web server pass such requests on to an HTTP endpoint of gatehouse (--http)";
}
