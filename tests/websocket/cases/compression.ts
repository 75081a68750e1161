/** Compressed messages of all sizes, on all terms, and what is wrong with some. */

import { BINARY, COMPRESSED, FIN, PING, TEXT } from "../../../src/websocket/codec/protocol.ts";
import { deflated } from "../../support/deflate.ts";
import { Random } from "../../support/random.ts";
import { frame } from "../../support/websocket.ts";
import type { SocketCase } from "./case.ts";
import { answer, closed, served, someBytes, someText } from "./case.ts";

/** Messages that a client compresses on terms that it has agreed on with the server, and that come back. */
export interface CompressionCase {
  /** What it is about. */
  readonly name: string;
  /** What the client offers. */
  readonly offer: string;
  /** Type of the messages. */
  readonly opcode: typeof TEXT | typeof BINARY;
  /** Makes the message that is sent as the `index`th. */
  readonly message: (index: number) => Uint8Array;
  /** How many there are. */
  readonly count: number;
  /** Bytes of each frame, but for the last of a message; `Infinity` for messages in one frame. */
  readonly fragmentBytes: number;
}

/** What clients offer: those of browsers, and all parameters. */
export const OFFERS: readonly string[] = [
  "permessage-deflate",
  "permessage-deflate; client_max_window_bits",
  "permessage-deflate; client_no_context_takeover; client_max_window_bits",
  "permessage-deflate; server_no_context_takeover; client_max_window_bits",
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  "permessage-deflate; client_max_window_bits; server_max_window_bits=9",
  "permessage-deflate; client_max_window_bits=9; server_max_window_bits=15",
  "permessage-deflate; server_no_context_takeover; client_max_window_bits; server_max_window_bits=9",
  "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=12",
];

const SIZES = [16, 64, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072];

const encoder = new TextEncoder();

/** A list of `length` bytes in JSON, with the same names again and again. */
function records(index: number, length: number): Uint8Array {
  let text = "[";
  for (let id = index; text.length < length; id++) {
    text += `{"id":${id},"name":"Käthe ${id % 7}","tags":["a","b"],"value":${(id * 7919) % 1000}},`;
  }
  // Characters may be cut: it is a message of bytes.
  return encoder.encode(text).subarray(0, length);
}

/** Bytes that cannot be compressed. */
function noise(index: number, length: number): Uint8Array {
  const random = new Random(index * 131_071 + length);
  return Uint8Array.from({ length }, () => random.below(256));
}

type Maker = (index: number, length: number) => Uint8Array;

const KINDS: Readonly<Record<string, readonly [typeof TEXT | typeof BINARY, Maker]>> = {
  "letters": [TEXT, (index, length) => encoder.encode(someText(length + index).slice(index))],
  "umlauts": [
    TEXT,
    (index, length) => encoder.encode("äöü€".repeat(length / 9 + 1).slice(0, length / 9) + index),
  ],
  "the same": [BINARY, (index, length) => new Uint8Array(length).fill(index)],
  "records": [BINARY, records],
  "noise": [BINARY, noise],
};

function* onAllTerms(): Generator<CompressionCase> {
  for (const offer of OFFERS) {
    for (const length of SIZES) {
      for (const fragmentBytes of [Infinity, length / 4]) {
        const fragments = fragmentBytes === Infinity
          ? "one frame"
          : `frames of ${fragmentBytes} bytes`;
        yield {
          name: `records of ${length} bytes in ${fragments}, offered as "${offer}"`,
          offer,
          opcode: BINARY,
          message: (index) => records(index * 1_000, length),
          count: length > 20_000 ? 3 : 8,
          fragmentBytes,
        };
      }
    }
  }
}

function* ofAllKinds(): Generator<CompressionCase> {
  for (const [kind, [opcode, make]] of Object.entries(KINDS)) {
    for (const length of SIZES) {
      yield {
        name: `${kind} of ${length} bytes`,
        offer: OFFERS[1],
        opcode,
        message: (index) => make(index, length),
        count: length > 20_000 ? 3 : 8,
        fragmentBytes: Infinity,
      };
    }
  }
}

/** The cases of sound messages. */
export const COMPRESSION: readonly CompressionCase[] = [...onAllTerms(), ...ofAllKinds()];

/** A case whose client offers what all do. */
export interface OfferingCase extends SocketCase {
  /** What the client offers. */
  readonly offer: string;
}

function* singleFrames(): Generator<SocketCase> {
  const text = encoder.encode(someText(300));
  const small = deflated(text);
  const whole = frame(FIN | COMPRESSED | TEXT, small);
  const echo = answer("text", text);
  yield served("a compressed text", [whole], [echo]);
  yield served("a text that is not compressed", [frame(FIN | TEXT, text)], [echo]);
  const mixed = [whole, frame(FIN | TEXT, text), whole, frame(FIN | BINARY, someBytes(9)), whole];
  yield served("compressed texts and others", mixed, [
    echo,
    echo,
    echo,
    answer("binary", someBytes(9)),
    echo,
  ]);
  const parts = [
    frame(COMPRESSED | TEXT, small.subarray(0, 5)),
    frame(FIN | PING, "a"),
    frame(0, small.subarray(5, 6)),
    frame(0),
    frame(FIN, small.subarray(6)),
  ];
  yield served("a compressed text in frames with a ping between", parts, [
    answer("pong", "a"),
    echo,
  ]);
  const late = [frame(COMPRESSED | TEXT), frame(0, small), frame(FIN)];
  yield served("a compressed text between frames without bytes", late, [echo]);
  for (const opcode of [TEXT, BINARY] as const) {
    const type = opcode === TEXT ? "text" : "binary";
    const empty = frame(FIN | COMPRESSED | opcode, new Uint8Array([0]));
    yield served(`a compressed ${type} without bytes`, [empty], [answer(type, "")]);
  }
  const last = frame(
    FIN | COMPRESSED | TEXT,
    new Uint8Array([0xf3, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0]),
  );
  yield served("the last block of the format", [last, last], [
    answer("text", "Hello"),
    answer("text", "Hello"),
  ]);
  const again = [
    frame(FIN | COMPRESSED | TEXT, new Uint8Array([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 7, 0])),
    frame(FIN | COMPRESSED | TEXT, new Uint8Array([0xf2, 0, 0x11, 0, 0])),
  ];
  yield served("a text that refers to the one before", again, [
    answer("text", "Hello"),
    answer("text", "Hello"),
  ]);
}

function* faults(): Generator<SocketCase> {
  const small = deflated(encoder.encode(someText(300)));
  const said = [
    frame(COMPRESSED | TEXT, small.subarray(0, 5)),
    frame(FIN | COMPRESSED, small.subarray(5)),
  ];
  yield closed("a continuation that says that it is compressed", said, 1002);
  const late = [frame(TEXT, "a"), frame(FIN | COMPRESSED, small)];
  yield closed("a continuation that is compressed alone", late, 1002);
  for (const opcode of [8, 9, 10]) {
    const name = `a frame of the opcode ${opcode} that is compressed`;
    yield closed(name, [frame(FIN | COMPRESSED | opcode, new Uint8Array([0]))], 1002);
  }
  for (const bits of [0x10, 0x20, 0x30]) {
    const name = `the reserved bits ${bits >> 4} beside compression`;
    yield closed(name, [frame(FIN | COMPRESSED | bits | TEXT, small)], 1002);
  }
  const malformed = new Uint8Array([0xff, 0xff, 0xff, 0xff]);
  yield closed(
    "what is not compressed, and says so",
    [frame(FIN | COMPRESSED | TEXT, malformed)],
    1007,
  );
  const begun = [frame(COMPRESSED | TEXT, new Uint8Array(600).fill(0xff))];
  yield {
    ...closed("what is not compressed, as soon as it can be told", begun, 1007),
    isEarly: true,
  };
  const bytes = deflated(new Uint8Array([0x61, 0xc3, 0x28]));
  yield closed(
    "a compressed text that is not UTF-8",
    [frame(FIN | COMPRESSED | TEXT, bytes)],
    1007,
  );
  const cut = deflated(new Uint8Array([0x61, 0xe2, 0x82]));
  yield closed("a compressed text that ends within a character", [
    frame(FIN | COMPRESSED | TEXT, cut),
  ], 1007);
  const far = frame(FIN | COMPRESSED | TEXT, new Uint8Array([0xf2, 0, 0x11, 0, 0]));
  yield closed("a text that refers to nothing", [far], 1007);
}

function* limits(): Generator<SocketCase> {
  const maxMessageBytes = 10_000;
  const fits = new Uint8Array(maxMessageBytes);
  const within = served("as much as is taken, when inflated", [
    frame(FIN | COMPRESSED | BINARY, deflated(fits)),
  ], [answer("binary", fits)]);
  yield { ...within, limits: { maxMessageBytes } };
  const raw = served("as much as is taken, which cannot be compressed", [
    frame(FIN | COMPRESSED | BINARY, deflated(noise(1, maxMessageBytes))),
  ], [answer("binary", noise(1, maxMessageBytes))]);
  yield { ...raw, limits: { maxMessageBytes } };
  for (const size of [maxMessageBytes + 1, 1 << 20, 1 << 24]) {
    const bomb = deflated(new Uint8Array(size));
    const whole = closed(`${size} bytes where 10000 are taken, in few`, [
      frame(FIN | COMPRESSED | BINARY, bomb),
    ], 1009);
    yield { ...whole, limits: { maxMessageBytes } };
    const parts = [
      frame(COMPRESSED | BINARY, bomb.subarray(0, bomb.length - 1)),
      frame(FIN, bomb.subarray(bomb.length - 1)),
    ];
    yield {
      ...closed(`${size} bytes where 10000 are taken, in two frames`, parts, 1009),
      limits: { maxMessageBytes },
    };
  }
}

/** The cases whose bytes matter. */
export const COMPRESSED_FRAMES: readonly OfferingCase[] = [
  ...singleFrames(),
  ...faults(),
  ...limits(),
].map((each) => ({ ...each, offer: OFFERS[0] }));
