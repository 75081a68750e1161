/**
 * Sends files for apps that may read them. What it takes to send is loaded with the first order.
 *
 * @module
 */

import type { WorkerPermissions } from "../config/app_permissions.ts";
import type { FileSender, FileSenderSettings } from "../files/file_sender.ts";
import type { FileGrant } from "../loader/files/file_grant.ts";
import { errorResponse } from "../message/error_response.ts";
import type { Exchange, ExchangeReceiver } from "../message/exchange.ts";
import { NOBODY } from "../message/exchange.ts";
import type { FileOrder } from "../message/file_order.ts";
import { descriptors } from "../net/descriptors.ts";

/** What loading a sender takes. Deno does not try again what it could not open once. */
const DESCRIPTORS_TO_LOAD = 8;

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

/** What makes senders. */
type SenderModule = Pick<typeof import("../files/file_sender.ts"), "FileSender">;

/** There are too few file descriptors left to load it. */
class ShortageError extends Error {}

/** Takes orders for files. */
export class FileDesk {
  readonly #settings: FileSenderSettings;
  readonly #importSender: () => Promise<SenderModule>;
  #sender: FileSender | null = null;
  #loading: Promise<FileSender> | null = null;
  #toldOf = "";

  /** Makes a desk whose sender has these settings. */
  constructor(
    settings: FileSenderSettings,
    importSender: () => Promise<SenderModule> = () => import("../files/file_sender.ts"),
  ) {
    this.#settings = settings;
    this.#importSender = importSender;
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
    let sender: FileSender;
    try {
      sender = await (this.#loading ??= this.#load());
    } catch (error) {
      this.#tell(error);
      if (isOver) return;
      exchange.receiver = listener;
      const { head, body } = errorResponse(error instanceof ShortageError ? 503 : 500, "");
      exchange.respond(head, body);
      return;
    }
    if (!isOver) sender.send(exchange, order, granted, listener);
  }

  /** The next order tries again if it fails. */
  async #load(): Promise<FileSender> {
    try {
      if (!descriptors.makeAvailable(DESCRIPTORS_TO_LOAD)) {
        throw new ShortageError("the process has too few file descriptors left");
      }
      const { FileSender } = await this.#importSender();
      return this.#sender = new FileSender(this.#settings);
    } finally {
      this.#loading = null;
    }
  }

  /** Says why no file can be sent, once for orders that fail alike. */
  #tell(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === this.#toldOf) return;
    this.#toldOf = reason;
    this.#settings.log("error", `files cannot be sent: ${reason}`);
  }
}
