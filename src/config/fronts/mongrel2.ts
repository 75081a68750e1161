/**
 * A configuration of Mongrel2, as `m2sh load` reads it.
 *
 * @module
 */

import { sha256Of } from "../../base/sha256.ts";
import type { Site } from "./site.ts";
import { checkPrintable, heading, refusal } from "./site.ts";

/** The configuration: a server, with the gateway as its handler. */
export function mongrel2Config(site: Site): string {
  const [spec, another] = site.mongrel2;
  if (spec === undefined || another !== undefined) {
    throw refusal("mongrel2", "the handler", "give one --mongrel2 tcp://HOST:PORT");
  }
  if (site.tls !== undefined) {
    throw refusal(
      "mongrel2",
      "--cert",
      "Mongrel2 finds certificates by the server's UUID in a folder of its own (certdir)",
    );
  }
  if (site.sendfile !== null) {
    throw refusal(
      "mongrel2",
      `--sendfile ${site.sendfile.name}`,
      "Mongrel2 sends no files for others",
    );
  }
  const { name = "localhost", address = "0.0.0.0", port = 80, prefixes } = site;
  if (name.startsWith("*.")) throw refusal("mongrel2", name, "name one host");
  const seed = `${spec.send} ${name} ${address} ${port}`;
  const routes = prefixes.map((prefix) => `${quoted(prefix || "/")}: gatehouse`).join(", ");
  const settings = [
    "'server.daemonize': 0",
    ...spec.uploads === undefined
      ? []
      : [`'upload.temp_store': ${quoted(`${spec.uploads.replace(/\/+$/, "")}/m2.XXXXXX`)}`],
  ];
  return `${heading("mongrel2", "m2sh load -config FILE -db config.sqlite; m2sh start -every.")}
gatehouse = Handler(send_spec=${quoted(spec.send)}, send_ident='${uuid(`send ${seed}`)}',
  recv_spec=${quoted(spec.recv)}, recv_ident='', protocol='tnetstring')
site = Server(uuid='${uuid(seed)}', name='gatehouse',
  chroot=${quoted(spec.chroot ?? "./")}, pid_file='/run/mongrel2.pid',
  access_log='/logs/access.log', error_log='/logs/error.log',
  bind_addr=${quoted(address)}, port=${port}, default_host=${quoted(name)},
  hosts=[Host(name=${quoted(name)}, routes={${routes}})])
settings = {${settings.join(", ")}}
servers = [site]
`;
}

/** An identifier that is the same whenever it is made of the same. */
function uuid(seed: string): string {
  const hex = sha256Of(seed);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`]
    .concat(hex.slice(20, 32)).join("-");
}

/** A value as one word: Mongrel2's strings have no escapes. */
function quoted(value: string): string {
  checkPrintable("mongrel2", value);
  if (/['"\\]/.test(value)) {
    throw refusal("mongrel2", JSON.stringify(value), "it has a quotation mark or a backslash");
  }
  return `'${value}'`;
}
