/**
 * `[server:NAME]` sections of configuration files: endpoints and options.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Given } from "./given.ts";
import { applyOne } from "./given.ts";
import type { IniEntry, IniSection } from "./ini_file.ts";
import { nearest } from "../base/nearest.ts";
import type { FileContext } from "./option_entry.ts";
import { collecting, FILE_OPTIONS, givenByEntry, optionOf, refuseTwiceIn } from "./option_entry.ts";
import type { OptionSpec } from "./option_spec.ts";
import { addressFrom, mongrel2From } from "./relative_paths.ts";
import {
  ALIASES,
  foreignServer,
  MONGREL2_KEYS as MONGREL2,
  PROTOCOLS,
  REFUSED,
  SOCKET_KEYS as SOCKET,
} from "./server_keys.ts";
import { defaultSettings } from "./settings.ts";
import { parseCount } from "./values.ts";

type Protocol = keyof typeof PROTOCOLS;

/** Keys that say together where the endpoint of `use` is. */
const SOCKET_KEYS = Object.keys(SOCKET);
const MONGREL2_KEYS = Object.keys(MONGREL2);

/** What a `[server:NAME]` section gives for the options. */
export function readServer(section: IniSection, context: FileContext): Given[] {
  return new ServerSection(section, context).read();
}

class ServerSection {
  readonly #section: IniSection;
  readonly #context: FileContext;
  readonly #given: Given[] = [];
  /** The keys that describe the endpoint. */
  readonly #endpoint = new Map<string, { entry: IniEntry; value: string }>();

  constructor(section: IniSection, context: FileContext) {
    this.#section = section;
    this.#context = context;
  }

  read(): Given[] {
    const { problems } = this.#context;
    for (const entry of this.#section.entries) {
      collecting(problems, entry.line, () => this.#readEntry(entry));
    }
    collecting(problems, this.#section.line, () => this.#readEndpoint());
    collecting(problems, this.#section.line, () => refuseTwiceIn(this.#given));
    return this.#given;
  }

  #readEntry(entry: IniEntry): void {
    const { key, line } = entry;
    const { defaults } = this.#context;
    const value = defaults.valueOf(entry, this.#section);
    const spelling = key.replaceAll("-", "_");
    const refused = REFUSED.find(([pattern]) => pattern.test(spelling));
    const alias = ALIASES.get(spelling);
    const option = optionOf(alias?.option ?? key);
    const isEndpoint = key === "use" || SOCKET_KEYS.includes(spelling) ||
      MONGREL2_KEYS.includes(spelling);
    if (refused !== undefined) throw new ConfigError(this.#at(line, `${key}: ${refused[1]}`));
    if (!isEndpoint && option === undefined && spelling !== "protocol") {
      throw new ConfigError(
        this.#at(line, `${key} is not a key of [server:NAME]${nearestKey(key)}`),
      );
    }
    if (value === "") throw new ConfigError(this.#at(line, `${key} needs a value`));
    if (isEndpoint) this.#endpoint.set(spelling, { entry, value });
    else if (option === undefined) this.#checkProtocol(entry, value);
    else {
      const text = alias?.value?.(value) ?? value;
      this.#given.push(...givenByEntry(option, text, entry, this.#context));
    }
  }

  #checkProtocol({ line }: IniEntry, value: string): void {
    if (value === "HTTP/1.1") return;
    const reason = value === "HTTP/1.0"
      ? "each request is answered in its own version of HTTP; for one request per connection, " +
        "write " +
        "no-keep-alive = true"
      : `only HTTP/1.1 is supported, not ${JSON.stringify(value)}`;
    throw new ConfigError(this.#at(line, `protocol: ${reason}`));
  }

  /** Makes an address of `use` and of what belongs to it. */
  #readEndpoint(): void {
    const use = this.#endpoint.get("use");
    if (use === undefined) {
      const [first] = this.#endpoint.values();
      if (first === undefined) return;
      throw new ConfigError(
        this.#at(
          first.entry.line,
          `${first.entry.key} needs use = http, https, fastcgi or mongrel2 beside it`,
        ),
      );
    }
    const protocol = this.#protocolOf(use.entry, use.value);
    const foreign = protocol === "mongrel2" ? SOCKET_KEYS : MONGREL2_KEYS;
    for (const key of foreign) {
      const other = this.#endpoint.get(key);
      if (other === undefined) continue;
      throw new ConfigError(
        this.#at(other.entry.line, `${other.entry.key} cannot be combined with use = ${protocol}`),
      );
    }
    if (protocol === "mongrel2") this.#giveMongrel2(use.entry);
    else this.#giveAddress(protocol, use.entry);
  }

  #protocolOf({ line }: IniEntry, value: string): Protocol {
    if (Object.hasOwn(PROTOCOLS, value)) return value as Protocol;
    const foreign = foreignServer(value);
    const advice = foreign === null ? nearest(value, Object.keys(PROTOCOLS)) : `; ${foreign}`;
    throw new ConfigError(
      this.#at(
        line,
        `use takes http, https, fastcgi or mongrel2, not ${JSON.stringify(value)}${advice}`,
      ),
    );
  }

  #giveAddress(protocol: Protocol, use: IniEntry): void {
    const option = FILE_OPTIONS.get(protocol)!;
    const [host, port, socket, mode] = SOCKET_KEYS.map((key) => this.#endpoint.get(key));
    if (socket !== undefined) {
      const other = host ?? port;
      if (other !== undefined) {
        throw new ConfigError(
          this.#at(
            other.entry.line,
            `${other.entry.key} cannot be combined with socket: write one of them`,
          ),
        );
      }
      if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode.value)) {
        throw new ConfigError(
          this.#at(
            mode.entry.line,
            `${mode.entry.key} takes an octal mode such as 0660, not ${JSON.stringify(mode.value)}`,
          ),
        );
      }
      const path = addressFrom(`unix:${socket.value}`, this.#context.folder);
      const suffix = mode === undefined ? "" : `,mode=${mode.value}`;
      this.#giveOne(option, path + suffix, (mode ?? socket).entry);
      return;
    }
    if (mode !== undefined) {
      throw new ConfigError(this.#at(mode.entry.line, `${mode.entry.key} needs socket beside it`));
    }
    const number = port === undefined
      ? PROTOCOLS[protocol]
      : parseCount(this.#at(port.entry.line, port.entry.key), port.value, {
        min: 0,
        max: 65_535,
      });
    this.#giveOne(
      option,
      `${hostText(host?.value ?? "127.0.0.1")}:${number}`,
      (host ?? port)?.entry ?? use,
    );
  }

  #giveMongrel2(use: IniEntry): void {
    const [send, ...details] = MONGREL2_KEYS.map((key) => this.#endpoint.get(key));
    if (send === undefined) {
      const config = this.#section.entries.some(({ key }) => /^mongrel2[-_]config$/.test(key));
      const [first] = details.filter((each) => each !== undefined);
      if (config && first === undefined) return;
      throw new ConfigError(
        this.#at(
          (first?.entry ?? use).line,
          first === undefined
            ? "use = mongrel2 needs send_spec or mongrel2_config beside it"
            : `${first.entry.key} needs send_spec beside it`,
        ),
      );
    }
    const settings = MONGREL2_KEYS.slice(1).flatMap((key, index) => {
      const given = details[index];
      const name = key.replace(/_spec$/, "").replaceAll("_", "-");
      return given === undefined ? [] : [`,${name}=${given.value}`];
    });
    const spec = mongrel2From(send.value + settings.join(""), this.#context.folder);
    this.#giveOne(FILE_OPTIONS.get("mongrel2")!, spec, send.entry);
  }

  #giveOne(option: OptionSpec, text: string, { key, line }: IniEntry): void {
    const given: Given = {
      option,
      text,
      name: this.#at(line, key),
      origin: this.#origin(line),
    };
    applyOne(defaultSettings(), given);
    this.#given.push(given);
  }

  #origin(line: number): string {
    return `${this.#context.problems.file}:${line}`;
  }

  #at(line: number, what: string): string {
    return `${this.#origin(line)}: ${what}`;
  }
}

/** A host as addresses have it: nothing for every interface, IPv6 in brackets. */
function hostText(host: string): string {
  if (host === "*") return "";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/** The nearest of all keys, spelt as `key` is. */
function nearestKey(key: string): string {
  const names = [...FILE_OPTIONS.keys(), "use", "protocol", ...SOCKET_KEYS, ...MONGREL2_KEYS];
  const spelt = key.includes("-")
    ? names.map((name) => name.replaceAll("_", "-"))
    : names.map((name) => name.replaceAll("-", "_"));
  return nearest(key, spelt);
}
