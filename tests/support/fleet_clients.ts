/** Clients that ask all the time, and look closely at what they get. */

/** How often one of them sends a POST. */
const POST_EVERY = 4;
/** Time between an answer and the next request, in milliseconds. */
const PAUSE_MS = 150;
/** Time after which a request is given up, in milliseconds. */
const TIMEOUT_MS = 30_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What became of a request. */
export interface FleetAnswer {
  readonly id: number;
  readonly method: "GET" | "POST";
  /** When it was sent, and how long it took, in milliseconds. */
  readonly askedAt: number;
  readonly tookMs: number;
  /**
   * It was answered with 200 and its own id; with 502; its connection was closed; or something else
   * came, or nothing.
   */
  readonly outcome: "answered" | "refused" | "closed" | "wrong";
  /** Who has answered it, or what has come instead. */
  readonly handler: string;
}

/** Clients of one server, each with a connection that it keeps. */
export class FleetClients implements AsyncDisposable {
  /** What became of all requests so far. */
  readonly answers: FleetAnswer[] = [];
  /** What came on connections after an answer, and belongs to no request. */
  readonly surplus: string[] = [];
  readonly #port: number;
  readonly #header: (id: number) => string;
  readonly #running: Promise<unknown>;
  #isOver = false;
  #lastId = 0;

  private constructor(port: number, count: number, header: (id: number) => string) {
    this.#port = port;
    this.#header = header;
    this.#running = Promise.all(Array.from({ length: count }, () => this.#run()));
  }

  /** Starts so many; each request has the field lines that `header` makes of its id. */
  static start(
    port: number,
    count: number,
    header: (id: number) => string = () => "",
  ): FleetClients {
    return new FleetClients(port, count, header);
  }

  /** Lets all finish what they have asked. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      using connection = await Connection.open(this.#port);
      while (!this.#isOver && await this.#ask(connection)) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (0.5 + Math.random())));
        if (connection.surplus !== "") this.surplus.push(connection.surplus);
      }
    }
  }

  /** Asks once; tells whether the connection can be used again. */
  async #ask(connection: Connection): Promise<boolean> {
    const id = ++this.#lastId;
    const method = id % POST_EVERY === 0 ? "POST" : "GET";
    const length = method === "POST" ? "Content-Length: 4\r\n" : "";
    const head = `${method} /?id=${id} HTTP/1.1\r\nHost: 127.0.0.1\r\n${length}${this.#header(id)}`;
    const askedAt = performance.now();
    const text = await connection.ask(`${head}\r\n${method === "POST" ? "body" : ""}`);
    const tookMs = performance.now() - askedAt;
    const [, status = "", body = ""] = /^HTTP\/1\.1 (\d+) .*?\r\n\r\n(.*)$/s.exec(text) ?? [];
    const [ownId, handler = ""] = body.split(" ");
    const isOwn = status === "200" && ownId === String(id);
    const outcome = isOwn
      ? "answered"
      : text === ""
      ? "closed"
      : status === "502"
      ? "refused"
      : "wrong";
    this.answers.push({ id, method, askedAt, tookMs, outcome, handler: isOwn ? handler : text });
    return outcome === "answered";
  }
}

/** A connection that is read all the time. */
class Connection implements Disposable {
  /** What has come that was not asked for, or belongs to the answer that is awaited. */
  surplus = "";
  readonly #conn: Deno.TcpConn;
  #isOver = false;
  #wake = Promise.withResolvers<void>();

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#read();
  }

  static async open(port: number): Promise<Connection> {
    return new Connection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends a request, and waits for the answer: what has come of it if the connection ends before. */
  async ask(request: string): Promise<string> {
    const timer = setTimeout(() => this.#end(), TIMEOUT_MS);
    try {
      const bytes = encoder.encode(request);
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#end();
    }
    let length = lengthOf(this.surplus);
    while (length === null && !this.#isOver) {
      await this.#wake.promise;
      length = lengthOf(this.surplus);
    }
    clearTimeout(timer);
    const answer = this.surplus.slice(0, length ?? this.surplus.length);
    this.surplus = this.surplus.slice(answer.length);
    return answer;
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(16_384);
    try {
      while (!this.#isOver) {
        const bytes = await this.#conn.read(buffer);
        if (bytes === null) break;
        this.surplus += decoder.decode(buffer.subarray(0, bytes));
        this.#tell();
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
    this.#end();
  }

  #end(): void {
    if (!this.#isOver) this.#conn.close();
    this.#isOver = true;
    this.#tell();
  }

  #tell(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** Characters of the answer that `text` begins with; `null` as long as it is not complete. */
function lengthOf(text: string): number | null {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const [, digits = "0"] = /^content-length: (\d+)/im.exec(text.slice(0, headEnd)) ?? [];
  const length = headEnd + 4 + Number(digits);
  return text.length >= length ? length : null;
}
