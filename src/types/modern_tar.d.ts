/** What is used of `modern-tar`. */

export interface TarHeader {
  readonly name: string;
  readonly size: number;
  readonly mode?: number;
  readonly type?: string;
}

export interface TarEntry {
  readonly header: TarHeader;
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
}

export function createTarDecoder(options: {
  readonly strict: boolean;
  readonly maxMetadataSize?: number;
}): ReadableWritablePair<TarEntry, Uint8Array<ArrayBuffer>>;
