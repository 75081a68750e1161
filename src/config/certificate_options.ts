/**
 * The options about the certificates of `--https`.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { OptionSpec } from "./option_spec.ts";

/** Let's Encrypt. */
export const DEFAULT_ACME_DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory";

/** A name of DNS with two labels or more, in lower case (RFC 1123, section 2.1). */
const DOMAIN = /^(?=.{1,253}$)(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)+[a-z\d-]*[a-z][a-z\d-]*$/;
const EMAIL = /^[^\s@,<>?&%]+@[^\s@,<>?&%]+$/;
/** Names that a certificate can have with most authorities. */
const MAX_NAMES = 100;

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
  {
    name: "acme",
    value: "DOMAIN[,DOMAIN]",
    repeats: true,
    group: "Certificates",
    help:
      "Get a certificate for these names from a certificate authority, by ACME, and renew it. " +
      "The authority connects to port 80: give --redirect-http :80 or --http :80",
    apply: (settings, text, name) => settings.acme.certificates.push(parseDomains(text, name)),
  },
  {
    name: "acme-agree-terms",
    needs: "acme",
    group: "Certificates",
    help: "Agree to the authority's terms of service. Needed for --acme: read them first",
    apply: (settings) => settings.acme.terms = "agreed",
  },
  {
    name: "acme-contact",
    value: "EMAIL",
    repeats: true,
    needs: "acme",
    group: "Certificates",
    help: "Give the authority this address for questions about the account",
    apply: (settings, text, name) => {
      if (!EMAIL.test(text)) {
        throw new ConfigError(`${name} takes an address of mail, not ${JSON.stringify(text)}`);
      }
      settings.acme.contacts.push(`mailto:${text}`);
    },
  },
  {
    name: "acme-directory",
    value: "URL",
    needs: "acme",
    group: "Certificates",
    help: "Ask the authority with this directory, such as another one, or one for tests: " +
      "https://acme-staging-v02.api.letsencrypt.org/directory",
    default: DEFAULT_ACME_DIRECTORY,
    apply: (settings, text, name) => settings.acme.directory = parseDirectory(text, name),
  },
  {
    name: "acme-state",
    value: "DIR",
    group: "Certificates",
    help:
      "Keep the account's key, and the certificates, in DIR. Default: acme in GATEHOUSE_STATE, in " +
      "systemd's StateDirectory, for root in /var/lib/gatehouse, else in " +
      "~/.local/state/gatehouse",
    apply: (settings, text) => settings.acme.folder = text,
  },
];

function parseDomains(text: string, name: string): readonly string[] {
  const domains = [...new Set(text.toLowerCase().split(","))];
  const wrong = domains.find((domain) => !DOMAIN.test(domain));
  if (wrong !== undefined) {
    const why = wrong.startsWith("*.")
      ? "; names with a star cannot be proved over HTTP"
      : /[^\x20-\x7e]/.test(wrong)
      ? "; write it in ASCII, as xn--..."
      : "";
    throw new ConfigError(`${name} takes names of hosts, not ${JSON.stringify(wrong)}${why}`);
  }
  if (domains.length > MAX_NAMES) {
    throw new ConfigError(`${name} takes ${MAX_NAMES} names at the most for one certificate`);
  }
  return domains;
}

function parseDirectory(text: string, name: string): string {
  const url = URL.parse(text);
  const isLoopback = /^(?:127(?:\.\d+){3}|localhost|\[::1\])$/.test(url?.hostname ?? "");
  if (url?.protocol === "https:" || url?.protocol === "http:" && isLoopback) return url.href;
  throw new ConfigError(`${name} takes a URL with https:, not ${JSON.stringify(text)}`);
}
