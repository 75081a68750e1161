/**
 * The options about the certificates of `--https`.
 *
 * @module
 */

import type { OptionSpec } from "./options.ts";

/** The options, in the order of the help text. */
export const CERTIFICATE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "cert",
    value: "FILE",
    repeats: true,
    group: "Certificates",
    help:
      "Read the certificate chain for --https from FILE (PEM). Several, each with its --key, are " +
      "chosen by the name that a client asks for; the first is for all others. Changes are noticed",
    apply: (settings, text) => settings.certFiles.push(text),
  },
  {
    name: "key",
    value: "FILE",
    repeats: true,
    group: "Certificates",
    help:
      "Read the private key for --https from FILE (PEM): the first for the first --cert, and so on",
    apply: (settings, text) => settings.keyFiles.push(text),
  },
];
