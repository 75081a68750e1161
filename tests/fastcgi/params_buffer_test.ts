import { assertEquals } from "../support/assert.ts";
import { BufferPool } from "../../src/base/buffers.ts";
import { ParamsBuffer } from "../../src/fastcgi/codec/params_buffer.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const textOf = (params: ParamsBuffer) => decoder.decode(params.bytes.subarray(0, params.length));

Deno.test("parameters that come in one piece are not copied", () => {
  const params = new ParamsBuffer(new BufferPool());
  const piece = encoder.encode("abc");
  assertEquals(params.add(piece), "borrowed");
  assertEquals(params.bytes === piece, true);
  params.release();
});

Deno.test("parameters are kept before what they were read into is used again", () => {
  const params = new ParamsBuffer(new BufferPool());
  const piece = encoder.encode("abc");
  params.add(piece);
  params.keep();
  piece.fill(0);
  assertEquals(textOf(params), "abc");
  params.release();
});

Deno.test("parameters that come in pieces are put together", () => {
  const params = new ParamsBuffer(new BufferPool());
  params.add(encoder.encode("abc"));
  assertEquals(params.add(encoder.encode("def")), "kept");
  params.keep();
  params.add(encoder.encode("g"));
  assertEquals(textOf(params), "abcdefg");
  assertEquals(params.length, 7);
  params.release();
});
