/** Clicks through pages with Chromium, over its DevTools protocol. */

/** Where Debian has it; `CHROMIUM` names another. */
const PROGRAM = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";
/** Time after which what a page should show has not come, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Whether there is a browser. */
export async function hasBrowser(): Promise<boolean> {
  return await Deno.stat(PROGRAM).then(() => true, () => false);
}

/** A browser without windows. */
export class Browser implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (message: Answer) => void>();
  #lastId = 0;

  private constructor(process: Deno.ChildProcess, folder: string, socket: WebSocket) {
    this.#process = process;
    this.#folder = folder;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data) as Answer;
      this.#answers.get(answer.id)?.(answer);
      this.#answers.delete(answer.id);
    };
  }

  /** Starts it. It takes any certificate. */
  static async start(): Promise<Browser> {
    const folder = await Deno.makeTempDir();
    const process = new Deno.Command(PROGRAM, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--ignore-certificate-errors",
        "--remote-debugging-port=0",
        `--user-data-dir=${folder}`,
        "about:blank",
      ],
      env: { HOME: folder },
      stdout: "null",
      stderr: "null",
    }).spawn();
    const socket = new WebSocket(await endpointIn(folder));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Browser(process, folder, socket);
  }

  /** Opens a page. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    return new Page(this, `${sessionId}`);
  }

  /** Sends a command; resolves to what comes of it. */
  async send(
    method: string,
    params: Record<string, unknown>,
    sessionId?: string,
  ): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#answers.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await answered;
    if (result === undefined) throw new Error(`${method}: ${error?.message}`);
    return result;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await closed;
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {
      // What the browser started may still be writing there.
    });
  }
}

interface Answer {
  readonly id: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** A page that is open. */
export class Page {
  readonly #browser: Browser;
  readonly #session: string;

  /** Made by {@linkcode Browser.open}. */
  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  /** Sends a command; resolves to what comes of it. */
  send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    return this.#browser.send(method, params, this.#session);
  }

  /** The value of an expression. */
  async value(expression: string): Promise<unknown> {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result } = await this.send("Runtime.evaluate", params);
    return (result as { value?: unknown }).value;
  }

  /** Does `act`, as often as need be: before a page is hydrated, a click does nothing. Ends when it shows `text`. */
  async until(text: string, act = "0"): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    let shown: unknown = "";
    while (Date.now() < deadline) {
      await this.value(`try { ${act} } catch {}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
      shown = await this.value("document.body?.innerText ?? ''");
      if (`${shown}`.includes(text)) return;
    }
    throw new Error(`the page does not show "${text}", but: ${shown}`);
  }
}

/** The address that the browser writes into its folder. */
async function endpointIn(folder: string): Promise<string> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const text = await Deno.readTextFile(`${folder}/DevToolsActivePort`).catch(() => "");
    const [port, path] = text.split("\n");
    if (path?.startsWith("/")) return `ws://127.0.0.1:${port}${path}`;
    if (Date.now() > deadline) throw new Error("the browser does not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
