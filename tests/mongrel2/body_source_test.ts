import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { Random } from "../support/random.ts";
import { BODY_WINDOW_BYTES, UNKNOWN_LENGTH } from "../../src/message/exchange.ts";
import { InlineBody, StreamedBody } from "../../src/mongrel2/body_source.ts";
import type { BodySource, BodyTaker } from "../../src/mongrel2/body_source.ts";
import type { Growth } from "../../src/mongrel2/file_body.ts";
import { FileBody } from "../../src/mongrel2/file_body.ts";

/** Bytes of which each tells where it is. */
function bodyOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 255);
}

/** Takes a body, and notes it. */
class Recorder implements BodyTaker {
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  ends = 0;
  readonly failures: string[] = [];
  /** Is called with every chunk. */
  react: (bytes: number) => void = () => {};

  onBody(chunk: Uint8Array): void {
    assert(chunk.length > 0);
    assertEquals([this.ends, this.failures.length], [0, 0]);
    // Chunks are borrowed.
    this.chunks.push(chunk.slice());
    this.bytes += chunk.length;
    this.react(chunk.length);
  }

  onBodyEnd(): void {
    this.ends++;
  }

  onBodyFailed(reason: string): void {
    this.failures.push(reason);
  }

  /** Fails unless what came is the beginning of `body`. */
  check(body: Uint8Array): void {
    let at = 0;
    for (const chunk of this.chunks) {
      assertEquals(chunk, body.slice(at, at + chunk.length));
      at += chunk.length;
    }
  }
}

async function eventually(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 5_000 && !isTrue(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert(isTrue(), "it did not happen in time");
}

/** Gives what is under way a few turns. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

// Bodies that come with their messages.

Deno.test("a body in its message is delivered at once, when it is started", () => {
  const taker = new Recorder();
  const body = bodyOf(1_000);
  const source = new InlineBody(body, taker);
  assertEquals(taker.bytes, 0);
  source.start();
  assertEquals([taker.bytes, taker.chunks.length, taker.ends], [1_000, 1, 0]);
  taker.check(body);
  source.grant(1_000);
  source.start();
  assertEquals(taker.bytes, 1_000);
});

Deno.test("an empty body in its message makes no chunk", () => {
  const taker = new Recorder();
  const source = new InlineBody(new Uint8Array(0), taker);
  source.start();
  source.grant(10);
  source.cancel();
  assertEquals(taker.chunks, []);
});

Deno.test("no more than a window of a body in its message is delivered until more is granted", () => {
  const taker = new Recorder();
  const body = bodyOf(BODY_WINDOW_BYTES + 1_000);
  const source = new InlineBody(body, taker);
  source.start();
  assertEquals(taker.bytes, BODY_WINDOW_BYTES);
  source.grant(0);
  assertEquals(taker.bytes, BODY_WINDOW_BYTES);
  source.grant(1);
  source.grant(300);
  assertEquals(taker.bytes, BODY_WINDOW_BYTES + 301);
  source.grant(5_000);
  assertEquals(taker.bytes, body.length);
  taker.check(body);
});

Deno.test("grants from within a delivery go on with the body in its message, in order", () => {
  const taker = new Recorder();
  const body = bodyOf(BODY_WINDOW_BYTES * 3 + 17);
  const source = new InlineBody(body, taker);
  taker.react = (bytes) => source.grant(bytes);
  source.start();
  assertEquals(taker.bytes, body.length);
  taker.check(body);
});

Deno.test("a cancelled body in its message delivers nothing more", () => {
  const body = bodyOf(BODY_WINDOW_BYTES * 2);
  const taker = new Recorder();
  const source = new InlineBody(body, taker);
  source.start();
  source.cancel();
  source.grant(BODY_WINDOW_BYTES);
  assertEquals(taker.bytes, BODY_WINDOW_BYTES);

  const early = new Recorder();
  const unstarted = new InlineBody(body, early);
  unstarted.cancel();
  unstarted.start();
  assertEquals(early.bytes, 0);

  const within = new Recorder();
  const reacting = new InlineBody(body, within);
  within.react = (bytes) => {
    reacting.cancel();
    reacting.grant(bytes);
  };
  reacting.start();
  assertEquals(within.bytes, BODY_WINDOW_BYTES);
});

// Bodies in files.

/** An open file without a name that holds `body`. */
async function fileOf(
  body: Uint8Array,
  options: Deno.OpenOptions = { read: true },
): Promise<Deno.FsFile> {
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, body);
  const file = await Deno.open(path, options);
  await Deno.remove(path);
  return file;
}

function isClosed(file: Deno.FsFile): boolean {
  try {
    file.statSync();
    return false;
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
    return true;
  }
}

for (const length of [0, 1, 65_535, 65_536, 65_537, BODY_WINDOW_BYTES]) {
  Deno.test(`a file of ${length} bytes is delivered and closed`, async () => {
    const taker = new Recorder();
    const body = bodyOf(length);
    const file = await fileOf(body);
    new FileBody(file, length, taker).start();
    await eventually(() => isClosed(file));
    assertEquals([taker.bytes, taker.ends, taker.failures], [length, 0, []]);
    taker.check(body);
  });
}

Deno.test("no more than a window of a file is delivered until more is granted", async () => {
  const taker = new Recorder();
  const body = bodyOf(BODY_WINDOW_BYTES + 100_000);
  const file = await fileOf(body);
  const source = new FileBody(file, body.length, taker);
  source.start();
  await eventually(() => taker.bytes === BODY_WINDOW_BYTES);
  await settle();
  assertEquals(taker.bytes, BODY_WINDOW_BYTES);
  source.grant(10);
  source.grant(5);
  await eventually(() => taker.bytes === BODY_WINDOW_BYTES + 15);
  await settle();
  assertEquals([taker.bytes, isClosed(file)], [BODY_WINDOW_BYTES + 15, false]);
  source.grant(1_000_000);
  await eventually(() => isClosed(file));
  assertEquals(taker.bytes, body.length);
  taker.check(body);
  source.grant(10);
  source.cancel();
});

Deno.test("only the length that is told of a file is delivered", async () => {
  const taker = new Recorder();
  const body = bodyOf(100_000);
  const file = await fileOf(body);
  new FileBody(file, 70_000, taker).start();
  await eventually(() => isClosed(file));
  assertEquals([taker.bytes, taker.failures], [70_000, []]);
  taker.check(body);
});

Deno.test("grants from within a delivery go on with the file", async () => {
  const taker = new Recorder();
  const body = bodyOf(BODY_WINDOW_BYTES * 4 + 3);
  const file = await fileOf(body);
  const source = new FileBody(file, body.length, taker);
  taker.react = (bytes) => source.grant(bytes);
  source.start();
  await eventually(() => isClosed(file));
  assertEquals(taker.bytes, body.length);
  taker.check(body);
});

for (let turns = 0; turns < 6; turns++) {
  Deno.test(`a file goes on when more is granted ${turns} turns after a delivery`, async () => {
    const taker = new Recorder();
    const body = bodyOf(BODY_WINDOW_BYTES * 4);
    const file = await fileOf(body);
    const source = new FileBody(file, body.length, taker);
    let taken = 0;
    taker.react = async (bytes) => {
      taken += bytes;
      if (taken < BODY_WINDOW_BYTES) return;
      taken = 0;
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      source.grant(BODY_WINDOW_BYTES);
    };
    source.start();
    await eventually(() => isClosed(file));
    assertEquals(taker.bytes, body.length);
    taker.check(body);
  });
}

Deno.test("a file that is shorter than it was fails the body", async () => {
  const taker = new Recorder();
  const body = bodyOf(1_000);
  const file = await fileOf(body);
  const source = new FileBody(file, 1_001, taker);
  source.start();
  await eventually(() => isClosed(file));
  assertEquals([taker.bytes, taker.failures], [1_000, [
    "the upload's file is shorter than it was",
  ]]);
  source.grant(10);
  source.cancel();
  await settle();
  assertEquals(taker.failures.length, 1);
});

Deno.test("a file that cannot be read fails the body", async () => {
  const taker = new Recorder();
  const file = await fileOf(bodyOf(10), { write: true });
  new FileBody(file, 10, taker).start();
  await eventually(() => isClosed(file));
  assertEquals([taker.bytes, taker.failures.length], [0, 1]);
  assertMatch(taker.failures[0], /^the upload's file cannot be read: /);
});

Deno.test("a file that cannot be read fails no body that was cancelled", async () => {
  const taker = new Recorder();
  const file = await fileOf(bodyOf(10), { write: true });
  const source = new FileBody(file, 10, taker);
  source.start();
  source.cancel();
  await eventually(() => isClosed(file));
  assertEquals(taker.failures, []);
});

// Bodies in files that grow.

/** A file that is written to while it is read. */
interface GrowingFile extends Disposable {
  readonly file: Deno.FsFile;
  readonly growth: Growth;
  /** Somebody else is told that the file is complete. */
  end(): void;
  readonly tooLarge: () => boolean;
  write(bytes: Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
}

async function growingFile(maxBytes = Infinity): Promise<GrowingFile> {
  const path = await Deno.makeTempFile();
  const writer = await Deno.open(path, { write: true });
  const file = await Deno.open(path, { read: true });
  await Deno.remove(path);
  let isTooLarge = false;
  let hasEnded = false;
  return {
    file,
    growth: {
      size: async () => (await file.stat()).size,
      hasEnded: () => Promise.resolve(hasEnded),
      maxBytes,
      onTooLarge: () => isTooLarge = true,
    },
    end: () => hasEnded = true,
    tooLarge: () => isTooLarge,
    async write(bytes) {
      while (bytes.length > 0) bytes = bytes.subarray(await writer.write(bytes));
    },
    truncate: (length) => writer.truncate(length),
    [Symbol.dispose]: () => writer.close(),
  };
}

for (const length of [300_000, UNKNOWN_LENGTH]) {
  for (const piece of [1, 4_096, 65_536, 100_001]) {
    const total = piece === 1 ? 20 : 300_000;
    const known = length === UNKNOWN_LENGTH ? UNKNOWN_LENGTH : total;
    Deno.test(`a file of ${known} bytes that grows by ${piece} is read as it does`, async () => {
      const taker = new Recorder();
      const body = bodyOf(total);
      using growing = await growingFile();
      const source = new FileBody(growing.file, known, taker, growing.growth);
      taker.react = (bytes) => source.grant(bytes);
      source.start();
      for (let at = 0; at < total; at += piece) {
        await growing.write(body.subarray(at, at + piece));
        const there = Math.min(at + piece, total);
        await eventually(() => taker.bytes === there);
      }
      assertEquals(taker.ends, 0);
      source.finish();
      await eventually(() => isClosed(growing.file));
      assertEquals([taker.ends, taker.failures], [known === UNKNOWN_LENGTH ? 1 : 0, []]);
      taker.check(body);
      source.finish();
      source.grant(1);
    });
  }
}

Deno.test("what is written before the word of a file's end is read after it", async () => {
  for (const known of [70_000, UNKNOWN_LENGTH]) {
    const taker = new Recorder();
    const body = bodyOf(70_000);
    using growing = await growingFile();
    const source = new FileBody(growing.file, known, taker, growing.growth);
    source.start();
    await eventually(() => source.waitingSince !== null);
    await growing.write(body);
    source.finish();
    await eventually(() => isClosed(growing.file));
    assertEquals([taker.bytes, taker.failures], [70_000, []]);
    taker.check(body);
  }
});

Deno.test("no more of a file that grows is read than was announced, or granted", async () => {
  const taker = new Recorder();
  const body = bodyOf(BODY_WINDOW_BYTES * 2);
  using growing = await growingFile();
  const source = new FileBody(growing.file, body.length, taker, growing.growth);
  await growing.write(bodyOf(BODY_WINDOW_BYTES * 2 + 5_000));
  source.start();
  await eventually(() => taker.bytes === BODY_WINDOW_BYTES);
  await settle();
  assertEquals([taker.bytes, source.waitingSince], [BODY_WINDOW_BYTES, null]);
  source.grant(BODY_WINDOW_BYTES * 2);
  await eventually(() => isClosed(growing.file));
  assertEquals([taker.bytes, taker.failures], [body.length, []]);
  source.finish();
  taker.check(body);
});

Deno.test("a file that ends before its length fails the body, as does one that shrinks", async () => {
  for (const isShrinking of [false, true]) {
    const taker = new Recorder();
    using growing = await growingFile();
    const source = new FileBody(growing.file, 1_000, taker, growing.growth);
    source.start();
    await growing.write(bodyOf(500));
    await eventually(() => taker.bytes === 500);
    if (isShrinking) await growing.truncate(10);
    await settle();
    assertEquals(taker.failures, []);
    source.finish();
    await eventually(() => isClosed(growing.file));
    assertEquals(taker.failures, ["the upload's file is shorter than it was"]);
  }
});

Deno.test("a file of unknown length ends when somebody else was told so, one of known length by itself", async () => {
  for (const known of [UNKNOWN_LENGTH, 1_000]) {
    const taker = new Recorder();
    using growing = await growingFile();
    const source = new FileBody(growing.file, known, taker, growing.growth);
    source.start();
    await eventually(() => source.waitingSince !== null);
    await growing.write(bodyOf(500));
    growing.end();
    const isOver = () => taker.bytes === 500 && (known !== UNKNOWN_LENGTH || taker.ends === 1);
    await eventually(isOver);
    await settle();
    assertEquals([isClosed(growing.file), taker.failures], [known === UNKNOWN_LENGTH, []]);
    source.cancel();
    await eventually(() => isClosed(growing.file));
  }
});

Deno.test("a file of unknown length may only grow so far", async () => {
  const taker = new Recorder();
  using growing = await growingFile(1_000);
  const source = new FileBody(growing.file, UNKNOWN_LENGTH, taker, growing.growth);
  source.start();
  await growing.write(bodyOf(1_000));
  await eventually(() => taker.bytes === 1_000);
  assertEquals(growing.tooLarge(), false);
  await growing.write(bodyOf(1));
  await eventually(() => growing.tooLarge());
  await eventually(() => isClosed(growing.file));
  assertEquals([taker.bytes, taker.ends, taker.failures], [1_000, 0, []]);
});

Deno.test("a file that grows is closed when nobody wants more of it", async () => {
  for (const isWaiting of [true, false]) {
    const taker = new Recorder();
    using growing = await growingFile();
    const source = new FileBody(growing.file, 1_000, taker, growing.growth);
    source.start();
    if (isWaiting) await eventually(() => source.waitingSince !== null);
    source.cancel();
    await eventually(() => isClosed(growing.file));
    assertEquals([source.waitingSince, taker.failures], [null, []]);
  }
});

const cancels: Record<string, (source: FileBody, taker: Recorder) => void | Promise<void>> = {
  "before it is started": (source) => {
    source.cancel();
    source.start();
  },
  "as soon as it is started": (source) => {
    source.start();
    source.cancel();
  },
  "within a delivery": (source, taker) => {
    taker.react = () => source.cancel();
    source.start();
  },
  "within a delivery, which grants": (source, taker) => {
    taker.react = (bytes) => {
      source.cancel();
      source.grant(bytes);
    };
    source.start();
  },
  "while it waits for grants": async (source, taker) => {
    source.start();
    await eventually(() => taker.bytes === BODY_WINDOW_BYTES);
    await settle();
    source.cancel();
  },
  "twice": (source) => {
    source.cancel();
    source.cancel();
  },
};
for (const [when, cancel] of Object.entries(cancels)) {
  Deno.test(`a file whose body is cancelled ${when} is closed, and delivers nothing more`, async () => {
    const taker = new Recorder();
    const body = bodyOf(BODY_WINDOW_BYTES * 2);
    const file = await fileOf(body);
    const source = new FileBody(file, body.length, taker);
    await cancel(source, taker);
    await eventually(() => isClosed(file));
    const { bytes } = taker;
    assert(bytes <= BODY_WINDOW_BYTES);
    source.grant(1_000_000);
    source.cancel();
    await settle();
    assertEquals([taker.bytes, taker.failures], [bytes, []]);
    taker.check(body);
  });
}

// Bodies that come in several messages.

/** A streamed body, and the credits that it gave. */
function streamed() {
  const taker = new Recorder();
  const credits: number[] = [];
  const source = new StreamedBody(taker, (bytes) => credits.push(bytes));
  const given = () => credits.reduce((sum, each) => sum + each, 0);
  return { taker, credits, source, given };
}

Deno.test("a streamed body gives credits for a window, and passes on what comes", () => {
  const { taker, credits, source } = streamed();
  const body = bodyOf(300);
  assertEquals(credits, []);
  source.start();
  assertEquals(credits, [BODY_WINDOW_BYTES]);
  source.push(0, body.subarray(0, 100), false);
  source.push(100, body.subarray(100, 250), false);
  assertEquals([taker.chunks.length, taker.ends, source.isComplete], [2, 0, false]);
  source.grant(250);
  assertEquals(credits, [BODY_WINDOW_BYTES, 250]);
  source.push(250, body.subarray(250), true);
  assertEquals([taker.bytes, taker.ends, source.isComplete], [300, 1, true]);
  taker.check(body);
  source.grant(50);
  assertEquals(credits, [BODY_WINDOW_BYTES, 250]);
  assertEquals(taker.ends, 1);
});

Deno.test("a streamed body can be empty, or end with an empty part", () => {
  for (const length of [0, 10]) {
    const { taker, source } = streamed();
    source.start();
    if (length > 0) source.push(0, bodyOf(length), false);
    source.push(length, new Uint8Array(0), true);
    assertEquals([taker.bytes, taker.ends], [length, 1]);
  }
});

Deno.test("a part that is larger than what was granted is passed on as more is granted", () => {
  const { taker, source, given } = streamed();
  const body = bodyOf(BODY_WINDOW_BYTES + 100);
  source.start();
  source.push(0, body, true);
  assertEquals([taker.bytes, taker.ends], [BODY_WINDOW_BYTES, 0]);
  source.grant(60);
  assertEquals([taker.bytes, taker.ends], [BODY_WINDOW_BYTES + 60, 0]);
  source.grant(60);
  assertEquals([taker.bytes, taker.ends], [body.length, 1]);
  taker.check(body);
  assertEquals(given(), BODY_WINDOW_BYTES);
});

Deno.test("parts wait for their taker's grants, and come in order when it grants from within", () => {
  const { taker, source } = streamed();
  const body = bodyOf(50);
  for (let at = 0; at < 50; at += 10) source.push(at, body.subarray(at, at + 10), at === 40);
  assertEquals(taker.bytes, 0);
  taker.react = (bytes) => source.grant(bytes);
  source.grant(3);
  assertEquals([taker.bytes, taker.ends], [50, 1]);
  taker.check(body);
});

const misplaced: Record<string, [number, number]> = {
  "part that is missing": [20, 10],
  "part that comes twice": [0, 10],
  "part that overlaps": [9, 10],
  "part that is no number": [NaN, 10],
};
for (const [what, [offset, expected]] of Object.entries(misplaced)) {
  for (const isLast of [false, true]) {
    Deno.test(`a ${what} fails a streamed body (${isLast ? "at its end" : "within it"})`, () => {
      const { taker, source } = streamed();
      source.start();
      source.push(0, bodyOf(10), false);
      source.push(offset, bodyOf(10), isLast);
      assertEquals(taker.failures, [`a part of an upload is missing at byte ${expected}`]);
      source.push(10, bodyOf(10), true);
      source.grant(10);
      assertEquals([taker.bytes, taker.ends, taker.failures.length], [10, 0, 1]);
      assertEquals(source.isComplete, true);
    });
  }
}

Deno.test("a first part that does not begin the body fails it", () => {
  const { taker, source } = streamed();
  source.start();
  source.push(5, bodyOf(5), false);
  assertEquals(taker.failures, ["a part of an upload is missing at byte 0"]);
});

Deno.test("what comes of a cancelled streamed body is let through to its end, and dropped", () => {
  const { taker, source, credits } = streamed();
  source.start();
  source.push(0, bodyOf(100), false);
  source.cancel();
  source.push(100, bodyOf(70), false);
  source.push(170, bodyOf(30), false);
  assertEquals(credits, [BODY_WINDOW_BYTES, 70, 30]);
  source.push(200, bodyOf(10), true);
  assertEquals(credits, [BODY_WINDOW_BYTES, 70, 30]);
  assertEquals([taker.bytes, taker.ends, taker.failures], [100, 0, []]);
  assertEquals(source.isComplete, true);
});

Deno.test("a cancelled streamed body is given no credits but for its rest, when it is wanted", () => {
  const { source, credits } = streamed();
  source.start();
  source.push(0, bodyOf(100), false);
  source.cancel();
  source.grant(100);
  assertEquals(credits, [BODY_WINDOW_BYTES]);
  source.start();
  assertEquals(credits, [BODY_WINDOW_BYTES, BODY_WINDOW_BYTES]);
});

Deno.test("a streamed body that is cancelled within a delivery has no end", () => {
  const { taker, source } = streamed();
  source.start();
  taker.react = () => source.cancel();
  source.push(0, bodyOf(10), true);
  source.grant(10);
  assertEquals([taker.bytes, taker.ends, taker.failures], [10, 0, []]);
});

Deno.test("whatever parts, grants and cancellations come, a streamed body is delivered as granted", () => {
  const random = new Random(8);
  for (let round = 0; round < 3_000; round++) {
    const { taker, source, given } = streamed();
    const body = bodyOf(random.below(400));
    let granted = 0;
    let isCancelled = false;
    const grant = (bytes: number) => {
      granted += bytes;
      source.grant(bytes);
    };
    const mode = random.below(3);
    taker.react = (bytes) => {
      assert(taker.bytes <= granted);
      if (mode === 0) grant(random.below(bytes + 1));
    };
    let sent = 0;
    const isOver = () => source.isComplete && (taker.ends > 0 || isCancelled);
    for (let steps = 0; steps < 10_000 && !isOver(); steps++) {
      const step = random.below(20);
      if (step < 10) {
        grant(random.below(60));
      } else if (step === 10 && mode === 2) {
        source.cancel();
        isCancelled = true;
      } else if (!source.isComplete) {
        const end = Math.min(body.length, sent + random.below(50));
        source.push(sent, body.subarray(sent, end), end === body.length);
        sent = end;
        if (isCancelled) granted = Infinity;
      }
      assert(taker.bytes <= granted);
      assertEquals(
        taker.ends > 0,
        source.isComplete && taker.bytes === body.length && !isCancelled,
      );
    }
    assert(isOver());
    if (!isCancelled) assertEquals([taker.bytes, taker.ends], [body.length, 1]);
    assertEquals(taker.failures, []);
    assert(given() <= granted);
    taker.check(body);
  }
});

Deno.test("the sources are of the same kind for who grants and cancels", async () => {
  const taker = new Recorder();
  const body = bodyOf(10);
  const file = await fileOf(body);
  const sources: BodySource[] = [
    new InlineBody(body, taker),
    new FileBody(file, 10, taker),
    new StreamedBody(taker, () => {}),
  ];
  for (const source of sources) {
    source.cancel();
    source.grant(10);
    source.cancel();
  }
  assertEquals([taker.bytes, taker.ends, taker.failures, isClosed(file)], [0, 0, [], true]);
});
