/**
 * CGI/1.1 scripts (RFC 3875) of the folder CGI_FOLDER, on Unix. A script is a file that may be
 * executed; what follows its name in the path is its PATH_INFO.
 *
 *     CGI_FOLDER=/usr/lib/cgi-bin gatehouse --mount /cgi-bin=examples/cgi.ts \
 *       --app-allow-run --app-allow-read=/usr/lib/cgi-bin
 *
 * A script may take CGI_TIMEOUT seconds (default: 30), and each worker runs CGI_MAX_SCRIPTS at a
 * time (default: 32). It ends with its request, and so does what it started: when the client
 * leaves, or closes only its sending side, too. Just a gateway that is killed, or that gives up
 * waiting at shutdown, may leave scripts behind. A local redirect is sent to the client as a 302, so
 * that it passes whatever guards its target. There are no nph scripts and no indexed queries.
 */
import { Buffer } from "node:buffer";
import { dirname, join, relative } from "node:path";
import type { Context } from "gatehouse";

const folder = Deno.realPathSync(Deno.env.get("CGI_FOLDER") ?? fail("CGI_FOLDER is not set"));
const timeoutMs = Math.min(1_000 * positive("CGI_TIMEOUT", 30), 2 ** 31 - 1);
const maxScripts = positive("CGI_MAX_SCRIPTS", 32);
const KILL_AFTER_MS = 1_000;
const MAX_HEAD_BYTES = 32_768;
/** What a script may write to the log each time it runs. */
const MAX_LOG_BYTES = 16_384;

/** The meta-variables that are passed on; those that tell of the script are made here. */
const PASSED = ("AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE QUERY_STRING REMOTE_ADDR REMOTE_HOST " +
  "REMOTE_IDENT REMOTE_USER REQUEST_METHOD SERVER_NAME SERVER_PORT SERVER_PROTOCOL " +
  "SERVER_SOFTWARE").split(" ");
/** Request fields that are secret, of the connection only, or would mislead the script. */
const WITHHELD = ("AUTHORIZATION CONNECTION CONTENT_LENGTH CONTENT_TYPE EXPECT KEEP_ALIVE PROXY " +
  "PROXY_AUTHORIZATION PROXY_CONNECTION TE TRAILER TRANSFER_ENCODING UPGRADE").split(" ");
/** Response fields that are not the script's to send. */
const CONNECTION_FIELDS =
  "connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split(" ");
const CGI_FIELDS = ["status", "location", "content-type"];
/** Codes of the errors for paths that cannot be opened. */
const ABSENT = ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"];

let running = 0;

function fail(message: string): never {
  throw new Error(message);
}

function positive(variable: string, fallback: number): number {
  const value = Number(Deno.env.get(variable) ?? fallback);
  return value > 0 ? value : fail(`${variable} is not a positive number`);
}

function ignore(): void {}

function log(script: string, line: string): void {
  console.error(`${script}: ${line.replace(/(?!\t)\p{Cc}/gu, "?")}`);
}

/** A script: the real path of its file, and the two parts of the URL's path, percent-decoded. */
interface Script {
  readonly file: string;
  readonly name: string;
  readonly pathInfo: string;
}

/** Finds the script that the path of a URL leads to, or the status that says there is none. */
async function findScript(path: string): Promise<Script | 403 | 404> {
  // An encoded slash would be one to the file system that was none to the URL.
  if (/%2f|%5c|%00/i.test(path)) return 404;
  try {
    const segments = path.split("/").slice(1).map(decodeURIComponent);
    if (segments.includes("..")) return 404;
    let file = folder;
    for (const [i, segment] of segments.entries()) {
      if (segment === "" || segment.startsWith(".")) return 404;
      // The real path has no symbolic links left: it shows those that lead outside, or to hidden files.
      file = await Deno.realPath(join(file, segment));
      if (/(?:^|\/)\./.test(relative(folder, file))) return 404;
      const { isDirectory, isFile, mode } = await Deno.stat(file);
      if (isDirectory) continue;
      if (!isFile || ((mode ?? 0) & 0o111) === 0) return 403;
      const [name, pathInfo] = [segments.slice(0, i + 1), segments.slice(i + 1)];
      return { file, name: ["", ...name].join("/"), pathInfo: ["", ...pathInfo].join("/") };
    }
    return 404;
  } catch (error) {
    const isAbsent = error instanceof URIError || error instanceof Deno.errors.NotCapable ||
      ABSENT.includes((error as { code?: string }).code ?? "");
    if (isAbsent) return 404;
    throw error;
  }
}

/** Text whose characters are bytes, as the UTF-8 that it may be: the script is to get those bytes. */
function asUtf8(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[\u0100-\uffff]/.test(value)) return value;
  const text = Buffer.from(value, "latin1").toString("utf8");
  return text.includes("\ufffd") ? value : text;
}

/** All that a script gets to know: nothing of the gateway's own environment but its PATH. */
function environment(script: Script, { env, mount }: Context): Record<string, string> {
  const own: Record<string, string> = {
    GATEWAY_INTERFACE: "CGI/1.1",
    PATH: Deno.env.get("PATH") ?? "",
    SCRIPT_NAME: mount + script.name,
    SCRIPT_FILENAME: script.file,
    PATH_INFO: script.pathInfo,
  };
  if (script.pathInfo !== "") own.PATH_TRANSLATED = folder + script.pathInfo;
  for (const [name, value] of Object.entries(env)) {
    const isPassed = /^HTTP_[A-Z0-9_]+$/.test(name)
      ? !WITHHELD.includes(name.slice("HTTP_".length))
      : PASSED.includes(name);
    if (isPassed && !value.includes("\0")) own[name] = asUtf8(value);
  }
  return own;
}

/** One run of a script. */
class Run {
  /** Resolves when the script has ended, and its output is closed. */
  readonly ended: Promise<void>;
  timedOut = false;
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;
  readonly #input = new AbortController();
  #killTimer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  #hasExited = false;

  constructor(script: Script, env: Record<string, string>, body: Request["body"]) {
    this.#name = script.name;
    this.#child = new Deno.Command(script.file, {
      cwd: dirname(script.file),
      clearEnv: true,
      env,
      stdin: body === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      // A process group of its own, to be killed with all that it starts.
      detached: true,
    }).spawn();
    this.#stdout = this.#child.stdout.getReader();
    this.#stderr = this.#child.stderr.getReader();
    // A script need not read its input.
    body?.pipeTo(this.#child.stdin, { signal: this.#input.signal }).catch(ignore);
    const deadline = setTimeout(() => this.#expire(), timeoutMs);
    this.ended = Promise.allSettled([this.#exit(), this.#stdout.closed, this.#logErrors()])
      .then(() => clearTimeout(deadline));
  }

  /** Reads what the script writes: `null` at the end, when it has ended by itself. */
  async read(): Promise<Uint8Array | null> {
    const { done, value } = await this.#stdout.read();
    if (!done) return value;
    const { signal } = await this.#child.status;
    if (this.timedOut) fail("the script took too long");
    if (this.#isStopped) fail("the script was stopped");
    if (signal !== null) fail(`the script was killed by ${signal}`);
    return null;
  }

  /** Ends the script, first kindly. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stdout.cancel().catch(ignore);
    if (this.#hasExited) return;
    this.#kill("SIGTERM");
    this.#killTimer = setTimeout(() => this.#kill("SIGKILL"), KILL_AFTER_MS);
  }

  #expire(): void {
    this.timedOut = true;
    this.#kill("SIGKILL");
    this.stop();
    // A process that left the script's group could hold it open.
    this.#stderr.cancel().catch(ignore);
  }

  async #exit(): Promise<void> {
    const { success, code, signal } = await this.#child.status;
    // What the script has left behind.
    this.#kill("SIGKILL");
    this.#hasExited = true;
    clearTimeout(this.#killTimer);
    this.#input.abort();
    if (!success && !this.#isStopped) log(this.#name, `exited with ${signal ?? `code ${code}`}`);
  }

  /** Sends a signal to the script and to all that it started. */
  #kill(signal: Deno.Signal): void {
    try {
      if (!this.#hasExited) Deno.kill(-this.#child.pid, signal);
    } catch {
      // Nothing is left of it.
    }
  }

  async #logErrors(): Promise<void> {
    const decoder = new TextDecoder();
    let left = MAX_LOG_BYTES;
    for (;;) {
      const { done, value } = await this.#stderr.read();
      if (done) return;
      if (left === 0) continue;
      const text = decoder.decode(value.subarray(0, left), { stream: true });
      for (const line of text.split("\n")) if (line !== "") log(this.#name, line);
      left -= Math.min(left, value.length);
      if (left === 0) log(this.#name, "writes too much: the rest is left out");
    }
  }
}

/** Reads a script's head, and the part of the body that came with it. */
async function readHead(run: Run) {
  // A line break before the first line lets an empty head end like any other.
  const parts = ["\n"];
  let length = 1;
  /** The last characters, which may be the first of the head's end. */
  let tail = "\n";
  for (;;) {
    const chunk = await run.read() ?? fail("the output ended before its head did");
    const part = Buffer.from(chunk).toString("latin1");
    const recent = tail + part;
    const match = /\n\r?\n/.exec(recent);
    parts.push(part);
    length += part.length;
    const end = match === null ? length : length - recent.length + match.index;
    if (end > MAX_HEAD_BYTES) fail("the head is too long");
    tail = recent.slice(-2);
    if (match === null) continue;
    const left = recent.length - match.index - match[0].length;
    return {
      ...parseHead(parts.join("").slice(1, end)),
      first: chunk.subarray(chunk.length - left),
    };
  }
}

function parseHead(text: string): { status: number; headers: Headers } {
  const headers = new Headers();
  for (const line of text.split("\n")) {
    const [, name, value] = /^([\w!#$%&'*+\-.^`|~]+):([\t -~\x80-\xff]*)\r?$/.exec(line) ??
      fail(`malformed line in the head: ${JSON.stringify(line.slice(0, 80))}`);
    if (CGI_FIELDS.includes(name.toLowerCase()) && headers.has(name)) fail(`more than one ${name}`);
    headers.append(name, value);
  }
  if (!CGI_FIELDS.some((name) => headers.has(name))) fail("no Content-Type, Location or Status");
  const location = headers.get("location");
  if (location !== null && !isLocation(location)) fail("malformed Location");
  const status = headers.get("status") ?? (location === null ? "200" : "302");
  if (!/^[2-5]\d\d(?: |$)/.test(status)) fail("malformed Status");
  for (const name of ["status", ...CONNECTION_FIELDS]) headers.delete(name);
  return { status: Number(status.slice(0, 3)), headers };
}

/** Whether `text` is an absolute URL, or a local path: not one that browsers take for a host. */
function isLocation(text: string): boolean {
  const hasForm = /^(?:[a-z][a-z0-9+.-]*:|\/(?![/\\]))[!-~]*$/i.test(text);
  return hasForm && URL.canParse(text, "http://localhost");
}

function bodyOf(run: Run, first: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (first.length > 0) controller.enqueue(first);
    },
    async pull(controller) {
      const chunk = await run.read();
      if (chunk === null) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: () => run.stop(),
  }, { highWaterMark: 0 });
}

/** The response that a script gives; one without a body waits for the script's end. */
async function respond(run: Run, method: string): Promise<Response> {
  const { status, headers, first } = await readHead(run);
  if (method !== "HEAD" && ![204, 205, 304].includes(status)) {
    return new Response(bodyOf(run, first), { status, headers });
  }
  while (await run.read() !== null);
  return new Response(null, { status, headers });
}

function start(script: Script, { body }: Request, context: Context): Run {
  const env = environment(script, context);
  // The body of a GET is not passed on.
  if (body === null && env.CONTENT_LENGTH !== "0") delete env.CONTENT_LENGTH;
  const run = new Run(script, env, body);
  running++;
  context.waitUntil(run.ended.then(() => running--));
  context.signal.addEventListener("abort", () => run.stop());
  if (context.signal.aborted) run.stop();
  return run;
}

export default {
  async fetch(request: Request, context: Context): Promise<Response> {
    const script = await findScript(new URL(request.url).pathname.slice(context.mount.length));
    if (script === 404) return new Response("not found\n", { status: 404 });
    if (script === 403) return new Response("this is not a script\n", { status: 403 });
    if (running >= maxScripts) {
      return new Response("too many scripts\n", { status: 503, headers: { "retry-after": "1" } });
    }
    if (request.body !== null && !/^\d+$/.test(context.env.CONTENT_LENGTH ?? "")) {
      return new Response("the length of the body is not known\n", { status: 411 });
    }
    let run: Run | null = null;
    try {
      run = start(script, request, context);
      return await respond(run, request.method);
    } catch (error) {
      // Nobody waits for the answer to one that was stopped.
      if (!context.signal.aborted) log(script.name, (error as Error).message);
      run?.stop();
      return new Response("the script failed\n", { status: run?.timedOut ? 504 : 502 });
    }
  },
};
