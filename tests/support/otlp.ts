/** A collector of traces: takes what is sent over OTLP, written from opentelemetry/proto/trace/v1. */

/** A span as it came. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  /** 1: internal, 2: server. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** 0: unset, 2: error. */
  readonly status: number;
  readonly resource: Readonly<Record<string, string | number>>;
}

/** A field of a message: a number, or bytes. */
type Field = readonly [number: number, value: bigint | Uint8Array];

/** The fields of a message of Protocol Buffers. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Number(key >> 3n);
    const type = Number(key & 7n);
    if (type === 0) {
      yield [number, varint()];
    } else if (type === 2) {
      const length = Number(varint());
      yield [number, bytes.subarray(at, at += length)];
    } else {
      const width = type === 1 ? 8 : 4;
      let value = 0n;
      for (let i = width - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[at + i]);
      at += width;
      yield [number, value];
    }
  }
}

function all(bytes: Uint8Array, number: number): Uint8Array[] {
  return [...fieldsOf(bytes)].flatMap(([each, value]) =>
    each === number && value instanceof Uint8Array ? [value] : []
  );
}

const decoder = new TextDecoder();

function attributesOf(pairs: readonly Uint8Array[]): Record<string, string | number> {
  return Object.fromEntries(pairs.map((pair) => {
    const [name] = all(pair, 1);
    const [[, value]] = [...fieldsOf(all(pair, 2)[0])];
    return [
      decoder.decode(name),
      value instanceof Uint8Array ? decoder.decode(value) : Number(value),
    ];
  }));
}

const hex = (bytes: Uint8Array) =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function spanOf(bytes: Uint8Array, resource: CollectedSpan["resource"]): CollectedSpan {
  const fields = new Map(fieldsOf(bytes));
  const text = (number: number) => decoder.decode(fields.get(number) as Uint8Array | undefined);
  const id = (number: number) => hex((fields.get(number) as Uint8Array) ?? new Uint8Array(0));
  const status = fields.get(15) as Uint8Array | undefined;
  return {
    traceId: id(1),
    spanId: id(2),
    state: text(3),
    parentId: id(4),
    name: text(5),
    kind: Number(fields.get(6) ?? 0n),
    startNs: fields.get(7) as bigint,
    endNs: fields.get(8) as bigint,
    attributes: attributesOf(all(bytes, 9)),
    status: status === undefined ? 0 : Number(new Map(fieldsOf(status)).get(3) ?? 0n),
    resource,
  };
}

/** All spans of a request to export traces. */
export function spansIn(body: Uint8Array): CollectedSpan[] {
  return all(body, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(all(resourceSpans, 1).flatMap((each) => all(each, 1)));
    return all(resourceSpans, 2).flatMap((scope) =>
      all(scope, 2).map((each) => spanOf(each, resource))
    );
  });
}

/** A collector, and what it was sent. */
export class Collector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  readonly requests: { readonly path: string; readonly headers: Headers }[] = [];
  /** Status of its answers. */
  status = 200;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const body = new Uint8Array(await request.arrayBuffer());
        this.requests.push({ path: new URL(request.url).pathname, headers: request.headers });
        if (this.status === 200) this.spans.push(...spansIn(body));
        return new Response(null, { status: this.status });
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
