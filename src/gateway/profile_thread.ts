/**
 * What runs in the thread that makes profiles readable: they come from workers, may be large, and hold up
 * nobody there.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { withSources } from "./profile_sources.ts";

/** What comes of a profile: its text, or what is wrong with it. */
export type ConvertedProfile = { readonly text: string } | { readonly problem: string };

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: ConvertedProfile): void;
  onmessage: ((event: MessageEvent<string>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage({ text: await withSources(data) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    scope.postMessage({ problem: messageOf(error) });
  }
};
