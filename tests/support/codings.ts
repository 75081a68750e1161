/** Content codings, as clients take them apart. */

import type { Transform } from "node:stream";
import zlib from "node:zlib";
import type { Coding } from "../../src/compression/codec/settings.ts";

const zstd = zlib as unknown as {
  zstdDecompressSync(bytes: Uint8Array): Uint8Array;
  createZstdDecompress(): Transform;
};

/** What a whole body in a coding says. Throws if it is not whole. */
export function decoded(coding: Coding, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const decode = coding === "gzip"
    ? zlib.gunzipSync
    : coding === "br"
    ? zlib.brotliDecompressSync
    : zstd.zstdDecompressSync;
  return new Uint8Array(decode(bytes));
}

/** What can be read of the beginning of a body in a coding, as text. */
export async function decodedSoFar(coding: Coding, bytes: Uint8Array): Promise<string> {
  const stream: Transform = coding === "gzip"
    ? zlib.createGunzip()
    : coding === "br"
    ? zlib.createBrotliDecompress()
    : zstd.createZstdDecompress();
  const decoder = new TextDecoder();
  let text = "";
  stream.on("data", (piece: Uint8Array) => text += decoder.decode(piece, { stream: true }));
  stream.on("error", () => {});
  await new Promise<void>((resolve) => stream.write(bytes, () => resolve()));
  while (stream.readableLength > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  stream.destroy();
  return text;
}
