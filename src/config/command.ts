/**
 * What a command line can ask for.
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";
import type { BenchSettings } from "./bench_options.ts";
import type { DispatchSettings } from "./dispatch_options.ts";
import type { FetchSettings } from "./fetch_options.ts";
import type { Origins } from "./given.ts";
import type { LogCommand } from "./log_command.ts";
import type { ReapSettings } from "./reap_options.ts";
import type { RespondSettings } from "./respond_options.ts";
import type { CacheAction, ServeSettings } from "./settings.ts";

/** What a command line asks for. */
export type Command =
  | {
    readonly kind: "help";
    /** What about; absent for the first screen. */
    readonly topic?: string;
  }
  | { readonly kind: "version" }
  | { readonly kind: "fetch"; readonly settings: FetchSettings }
  | { readonly kind: "bench"; readonly settings: BenchSettings }
  | { readonly kind: "respond"; readonly settings: RespondSettings }
  | { readonly kind: "dispatch"; readonly settings: DispatchSettings }
  | { readonly kind: "reap"; readonly settings: ReapSettings }
  | { readonly kind: "keygen"; readonly path: string }
  | {
    readonly kind: "status";
    /** Whose status is shown. */
    readonly of:
      | { readonly server: "mongrel2"; readonly endpoint: string }
      | {
        readonly server: "gatehouse";
        /** Where it shows its status. */
        readonly address: ListenAddress;
        /** File of the token, to see more. */
        readonly tokenFile: string | undefined;
        /** Whether it is shown once, or again and again. */
        readonly watching: "once" | "on";
      };
  }
  | LogCommand
  | {
    readonly kind: "completions";
    /** One of {@linkcode SHELL_NAMES}. */
    readonly shell: string;
  }
  | { readonly kind: "man" }
  | {
    readonly kind: "cache";
    /** What is done: apps fetched, the cache described, or emptied. */
    readonly action: CacheAction;
    /** Apps to fetch, by path or URL. */
    readonly apps: readonly string[];
    readonly settings: ServeSettings;
  }
  | {
    readonly kind: "lock";
    /** Path of the lock that is written. */
    readonly path: string;
    readonly settings: ServeSettings;
  }
  | {
    readonly kind: "config";
    /** What is done: the configuration checked, or shown. */
    readonly action: "check" | "show";
    readonly settings: ServeSettings;
    /** Where the settings come from. */
    readonly origins: Origins;
  }
  | {
    readonly kind: "server-config";
    /** The server that a configuration is made of: one of {@linkcode CONFIG_SERVERS}. */
    readonly server: string;
    readonly settings: ServeSettings;
    /** Where the settings come from. */
    readonly origins: Origins;
    /** The arguments that gatehouse would be started with. */
    readonly args: readonly string[];
  }
  | { readonly kind: "serve"; readonly settings: ServeSettings };
