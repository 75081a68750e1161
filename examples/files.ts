/**
 * Sends the files of the folder FILES_ROOT (default: this one): the gateway reads them, and answers conditions
 * and ranges. For a folder without an app, with index pages and listings: `gatehouse serve DIR`.
 *
 *     FILES_ROOT=/var/www gatehouse examples/files.ts --app-allow-read=/var/www
 */
import type { Context } from "gatehouse";

const root = new URL(`file://${Deno.env.get("FILES_ROOT") ?? import.meta.dirname}/`);
export default {
  fetch: ({ url }: Request, context: Context): Response =>
    context.sendFile(new URL(`.${new URL(url).pathname}`, root)),
};
