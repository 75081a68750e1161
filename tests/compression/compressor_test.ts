import { assertEquals, assertMatch } from "../support/assert.ts";
import { concatenated } from "../../src/base/bytes.ts";
import type { BodyUser } from "../../src/compression/compressor.ts";
import { Compressor } from "../../src/compression/compressor.ts";
import { decoded } from "../support/codings.ts";

const GZIP = [{ coding: "gzip", level: 6 }] as const;
const BODY = new TextEncoder().encode("again and again ".repeat(500));

/** Waits for what becomes of a body. */
class Listener implements BodyUser {
  readonly pieces: Uint8Array[] = [];
  readonly #ended = Promise.withResolvers<"done" | "fault">();

  get ended(): Promise<"done" | "fault"> {
    return this.#ended.promise;
  }

  onPiece(piece: Uint8Array): void {
    this.pieces.push(piece.slice());
  }

  onTaken(): void {}

  onDone(body: Uint8Array): void {
    this.pieces.push(body.slice());
    this.#ended.resolve("done");
  }

  onFault(): void {
    this.#ended.resolve("fault");
  }

  get content(): Uint8Array {
    return decoded("gzip", concatenated(this.pieces));
  }
}

Deno.test("a thread that fails costs what it had, and is replaced", async () => {
  const log: string[] = [];
  const folder = await Deno.makeTempDir();
  try {
    // The first thread fails at what it is given, the next one does not.
    const real = new URL("../../src/compression/service.ts", import.meta.url).href;
    const failing = `${folder}/service.ts`;
    await Deno.writeTextFile(
      failing,
      `if (await Deno.stat(${JSON.stringify(`${folder}/mended`)}).catch(() => null) === null) {
  setTimeout(() => { throw new Error("out of order"); }, 50);
} else await import(${JSON.stringify(real)});
`,
    );
    const compressor = new Compressor(
      GZIP,
      (level, text) => log.push(`${level}: ${text}`),
      new URL(`file://${failing}`),
    );
    const whole = new Listener();
    const streamed = new Listener();
    compressor.encodeWhole(whole, "gzip", BODY);
    const id = compressor.open(streamed, "gzip", "flushes");
    compressor.write(id, BODY);
    assertEquals([await whole.ended, await streamed.ended], ["fault", "fault"]);
    assertMatch(log.join("\n"), /^error: compression: its thread failed \(.*out of order\)/);
    assertEquals(compressor.isBusy, true);
    // Nobody is there to take it.
    compressor.write(id, BODY);
    compressor.finish(id);
    compressor.close(id);
    await Deno.writeTextFile(`${folder}/mended`, "");
    while (compressor.isBusy) await new Promise((resolve) => setTimeout(resolve, 20));
    compressor.end();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("bodies are encoded in a thread", async () => {
  const compressor = new Compressor(GZIP, () => {});
  const whole = new Listener();
  const streamed = new Listener();
  compressor.encodeWhole(whole, "gzip", BODY);
  const id = compressor.open(streamed, "gzip", "gathers");
  for (let i = 0; i < 3; i++) compressor.write(id, BODY);
  compressor.finish(id);
  assertEquals([await whole.ended, await streamed.ended], ["done", "done"]);
  assertEquals(whole.content, new Uint8Array(BODY));
  assertEquals(streamed.content, concatenated([BODY, BODY, BODY]));
  assertEquals(compressor.load, 0);
  compressor.end();
});
