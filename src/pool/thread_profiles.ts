/**
 * What profiles of threads are given to.
 *
 * @module
 */

/** Takes CPU profiles of threads. */
export interface ThreadProfiles {
  /** Whether threads that begin now are profiled. */
  readonly isOpen: boolean;
  /** A thread is profiled from its beginning: `ask` asks it for its profile. */
  add(name: string, ask: () => void): ThreadProfile;
}

/** A thread that is profiled. */
export interface ThreadProfile {
  /** Takes its profile, as the thread has sent it. */
  take(text: string): void;
  /** The thread has ended, or will not send one. */
  gone(): void;
}

/** Longest profile that is taken of a thread, in characters. */
export const MAX_PROFILE_CHARS = 16_777_216;
