/**
 * Sends files for apps that may read them. What it takes to send is loaded with the first order.
 *
 * @module
 */

import type { WorkerPermissions } from "../config/app_permissions.ts";
import type { FileSender, FileSenderSettings } from "../files/file_sender.ts";
import type { FileGrant } from "../loader/files/file_grant.ts";
import type { Exchange, ExchangeReceiver } from "../message/exchange.ts";
import { NOBODY } from "../message/exchange.ts";
import type { FileOrder } from "../message/file_order.ts";

/** Answers an exchange with a file that is among those granted. */
export type SendGrantedFile = (
  granted: FileGrant,
  exchange: Exchange,
  order: FileOrder,
  listener: ExchangeReceiver,
) => void;

/** The files that apps with these permissions may read. */
export function readGrantOf(permissions: WorkerPermissions | Deno.PermissionOptions): FileGrant {
  if (permissions === "inherit") return "any";
  const read = permissions === "none" ? false : permissions.read ?? false;
  if (read === "inherit" || read === true) return "ordinary";
  return read === false ? [] : read.map(String);
}

/** Takes orders for files. */
export class FileDesk {
  readonly #settings: FileSenderSettings;
  #sender: FileSender | null = null;
  #loading: Promise<FileSender> | null = null;

  /** Makes a desk whose sender has these settings. */
  constructor(settings: FileSenderSettings) {
    this.#settings = settings;
  }

  /** Answers `exchange` as `order` says. */
  send(
    granted: FileGrant,
    exchange: Exchange,
    order: FileOrder,
    listener: ExchangeReceiver,
  ): void {
    if (this.#sender !== null) this.#sender.send(exchange, order, granted, listener);
    else this.#sendLater(granted, exchange, order, listener);
  }

  async #sendLater(
    granted: FileGrant,
    exchange: Exchange,
    order: FileOrder,
    listener: ExchangeReceiver,
  ): Promise<void> {
    let isOver = false;
    exchange.receiver = {
      ...NOBODY,
      onAbort(reason) {
        isOver ||= reason !== "client-half-closed";
        listener.onAbort(reason);
      },
    };
    this.#loading ??= this.#load();
    const sender = await this.#loading;
    if (!isOver) sender.send(exchange, order, granted, listener);
  }

  async #load(): Promise<FileSender> {
    const { FileSender } = await import("../files/file_sender.ts");
    return this.#sender = new FileSender(this.#settings);
  }
}
