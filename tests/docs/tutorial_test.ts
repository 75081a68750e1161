/**
 * Runs docs/tutorial.md from its beginning to its end, in a folder of its own: each file is written as
 * the page has it, and each command run. Paths such as /srv lie in that folder, and ports are free
 * ones. The installer takes a release that runs the gateway from source. Two programs that would change
 * the machine are played: `useradd` does nothing, and `systemctl` is a small service manager that runs
 * the unit's own commands, waits for its word that it is ready, and knows nginx. What remains for
 * systemd alone, whether it takes the unit, `systemd-analyze verify` says where it is installed.
 */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { codeBlocks } from "../../scripts/docs/markdown.ts";
import { readPage, ROOT } from "../../scripts/docs/pages.ts";
import { freePort, isMissing } from "../support/peers.ts";

const TARGET = "x86_64-unknown-linux-gnu";
const ROOT_PATH = ROOT.pathname;
const PATIENCE_MS = 30_000;
const PAUSE_MS = 100;
const decoder = new TextDecoder();
const blocks = codeBlocks(readPage("docs/tutorial.md"));

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, PAUSE_MS));

/** The machine that the tutorial is about, as far as it is in a folder. */
class Machine implements AsyncDisposable {
  readonly folder: string;
  readonly #ports = { app: freePort(), site: freePort() };
  readonly #env: Record<string, string>;
  readonly #services = new Map<string, Deno.ChildProcess>();
  /** The gateway that the page has started in a terminal. */
  #terminal: Deno.ChildProcess | null = null;
  /** What programs have written, for failures. */
  #log = "";
  readonly #control: Deno.HttpServer<Deno.NetAddr>;

  constructor(folder: string, releases: string, denoDir: string) {
    this.folder = folder;
    this.#control = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        try {
          await this.#systemctl((await request.text()).split(" "));
          return new Response();
        } catch (error) {
          return new Response(String(error), { status: 500 });
        }
      },
    );
    this.#env = {
      HOME: `${folder}/home`,
      PATH: `${folder}/bin:${Deno.env.get("PATH")}:/usr/sbin`,
      DENO_DIR: denoDir,
      GATEHOUSE_RELEASES: releases,
      CONTROL: `http://127.0.0.1:${this.#control.addr.port}/`,
      NO_COLOR: "1",
    };
  }

  /** Code of the page as it is on this machine. */
  translated(code: string): string {
    const { app, site } = this.#ports;
    return code
      .replace(/(?<![\w.$}])\/(?=(?:srv|run\/guestbook|var|etc|usr\/local)\b)/g, `${this.folder}/`)
      .replaceAll("http://127.0.0.1:8000/", `http://127.0.0.1:${app}/`)
      .replaceAll("http://localhost/", `http://localhost:${site}/`)
      .replaceAll("listen 80;", `listen 127.0.0.1:${site};`)
      .replace(/^gatehouse app\.ts/m, `gatehouse app.ts --port ${app}`);
  }

  /** Writes a file whose first line is a comment with its name. */
  async writeFile(code: string): Promise<void> {
    const name = nameOf(code)!;
    await Deno.writeTextFile(`${await this.#cwd()}/${name}`, this.translated(code));
  }

  /** Runs commands in a shell that is where the last one was, and returns what they print. */
  async run(code: string): Promise<string> {
    const state = `${this.folder}/state`;
    const script = `set -eu\n. ${state}\n${this.translated(code)}\n` +
      `{ declare -p PATH; printf 'cd %q\\n' "$PWD"; } > ${state}\n`;
    const { success, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", script],
      env: this.#env,
      stdin: "null",
    }).output();
    const printed = decoder.decode(stdout);
    assert(success, `${code}\n${printed}${decoder.decode(stderr)}\n${this.#log}`);
    return printed;
  }

  /** Runs commands as in the first terminal: until they say that they are ready. */
  async serve(code: string): Promise<void> {
    await this.#stopTerminal();
    const script = `. ${this.folder}/state\nexec ${this.translated(code).trim()}`;
    this.#terminal = new Deno.Command("bash", {
      args: ["-c", script],
      env: this.#env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    await this.#until(this.#terminal, /^ready$/m);
  }

  /** Ends what runs in the first terminal, as Ctrl-C does. */
  async #stopTerminal(): Promise<void> {
    const child = this.#terminal;
    this.#terminal = null;
    child?.kill("SIGINT");
    await child?.status;
  }

  /** Waits until a program has written what matches; takes what it writes from then on. */
  async #until(child: Deno.ChildProcess, pattern: RegExp): Promise<void> {
    const start = this.#log.length;
    const ended = (async () => {
      for await (const chunk of child.stderr) this.#log += decoder.decode(chunk);
    })();
    let isOver = false;
    ended.then(() => isOver = true);
    while (!pattern.test(this.#log.slice(start))) {
      if (isOver) throw new Error(`it has ended:\n${this.#log}`);
      await pause();
    }
  }

  async #cwd(): Promise<string> {
    return (await this.run("pwd")).trim();
  }

  async #systemctl([verb, ...words]: string[]): Promise<void> {
    const name = words.at(-1);
    if (verb === "daemon-reload") return;
    if (name === "nginx" && verb === "reload") return await this.#reloadNginx();
    if (name !== "guestbook") throw new Error(`no service ${name}`);
    if (verb === "enable" && words.includes("--now")) return await this.#startUnit(name);
    if (verb !== "reload") throw new Error(`systemctl ${verb} is not played`);
    const [program, ...args] = unitValue(await this.#unit(name), "ExecReload").split(" ");
    const pid = String(this.#services.get(name)!.pid);
    const { success } = await new Deno.Command(program, {
      args: args.map((arg) => arg === "$MAINPID" ? pid : arg),
    }).output();
    assert(success);
  }

  #unit(name: string): Promise<string> {
    return Deno.readTextFile(`${this.folder}/etc/systemd/system/${name}.service`);
  }

  /** Starts a unit as systemd does: with its folders, its variables, and until it is ready. */
  async #startUnit(name: string): Promise<void> {
    const unit = await this.#unit(name);
    assertEquals(unitValue(unit, "Type"), "notify");
    const folders = {
      RuntimeDirectory: "run",
      StateDirectory: "var/lib",
      CacheDirectory: "var/cache",
    };
    for (const [key, place] of Object.entries(folders)) {
      const mode = /^CacheDirectory$/.test(key) ? 0o700 : 0o755;
      await Deno.mkdir(`${this.folder}/${place}/${unitValue(unit, key)}`, {
        recursive: true,
        mode,
      });
    }
    const path = `${this.folder}/notify`;
    const notified = Deno.listenDatagram({ transport: "unixpacket", path });
    const [program, ...args] = unitValue(unit, "ExecStart").split(" ");
    const [variable, value] = unitValue(unit, "Environment").split("=");
    const child = new Deno.Command(program, {
      args,
      cwd: unitValue(unit, "WorkingDirectory"),
      env: { ...this.#env, [variable]: value, NOTIFY_SOCKET: path },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#services.set(name, child);
    const ready = (async () => {
      while (true) {
        const [bytes] = await notified.receive();
        if (/^READY=1$/m.test(decoder.decode(bytes))) return;
      }
    })();
    try {
      await Promise.all([ready, this.#until(child, /^ready$/m)]);
    } finally {
      notified.close();
    }
  }

  async #reloadNginx(): Promise<void> {
    const child = new Deno.Command("nginx", {
      args: ["-c", `${this.folder}/nginx.conf`, "-e", `${this.folder}/nginx.log`],
      env: this.#env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#services.set("nginx", child);
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += PAUSE_MS) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.#ports.site })).close();
        return;
      } catch {
        await pause();
      }
    }
    throw new Error("nginx does not listen");
  }

  /** What went wrong, for failures. */
  get log(): string {
    return this.#log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopTerminal();
    for (const child of this.#services.values()) {
      child.kill("SIGTERM");
      await child.status;
    }
    await this.#control.shutdown();
  }
}

function unitValue(unit: string, key: string): string {
  const value = new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1];
  if (value === undefined) throw new Error(`the unit has no ${key}`);
  return value;
}

/** The name that the comment in a file's first line gives it. */
function nameOf(code: string): string | undefined {
  return /^(?:\/\/|#) ([\w.-]+)\n/.exec(code)?.[1];
}

async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assert(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** A release of an executable that is the gateway from source, in a folder. */
async function makeRelease(folder: string): Promise<string> {
  const dist = `${folder}/dist/${TARGET}`;
  await Deno.mkdir(dist, { recursive: true });
  await Deno.writeTextFile(
    `${dist}/gatehouse`,
    `#!/bin/sh\nexec "${Deno.execPath()}" run -A --quiet "${ROOT_PATH}cli.ts" "$@"\n`,
  );
  await output(Deno.execPath(), [
    "run",
    "-A",
    "--no-lock",
    `${ROOT_PATH}scripts/release.ts`,
    "--dist",
    `${folder}/dist`,
    "--output",
    `${folder}/releases`,
  ]);
  return `${folder}/releases`;
}

/** The programs that the tutorial uses and that would leave the machine, or change it. */
const PLAYED: Record<string, string> = {
  // The installer itself is asked of the project; all else is downloaded.
  curl: `for last; do :; done
case $last in
  https://github.com/*/install.sh) exec cat "${ROOT_PATH}scripts/install.sh" ;;
esac
PATH=\${PATH#*:} exec curl "$@"`,
  sudo: `exec "$@"`,
  useradd: `[ "$*" = "--system guestbook" ]`,
  systemctl: `curl -sS --fail-with-body --data-binary "$*" "$CONTROL"`,
};

/** Fills the folder with what a machine has before the tutorial. */
async function prepare(folder: string): Promise<void> {
  for (
    const place of ["bin", "home", "etc/systemd/system", "etc/nginx/conf.d", "usr/local/bin", "srv"]
  ) {
    await Deno.mkdir(`${folder}/${place}`, { recursive: true });
  }
  for (const [name, code] of Object.entries(PLAYED)) {
    await Deno.writeTextFile(`${folder}/bin/${name}`, `#!/bin/sh\n${code}\n`, { mode: 0o755 });
  }
  await Deno.writeTextFile(
    `${folder}/bin/nginx`,
    `#!/bin/sh\nPATH=\${PATH#*:}\ncase $* in -t) set -- -t -c "${folder}/nginx.conf" -e "${folder}/nginx.log" ;; esac
exec nginx "$@"\n`,
    { mode: 0o755 },
  );
  await Deno.writeTextFile(`${folder}/state`, `cd "${folder}/home"\n`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/nginx_${name};`).join("\n");
  const user = Deno.uid() === 0 ? "user root;\n" : "";
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `${user}daemon off;\npid ${folder}/nginx.pid;\nerror_log ${folder}/nginx.log;\nevents {}\n` +
      `http {\naccess_log off;\n${temporary}\ninclude ${folder}/etc/nginx/conf.d/*.conf;\n}\n`,
  );
}

Deno.test({
  name: "the tutorial leads from nothing to a deployed app that is updated",
  ignore: Deno.build.target !== TARGET || isMissing("nginx") || isMissing("curl"),
  async fn() {
    const folder = await Deno.makeTempDir();
    const releases = await makeRelease(folder);
    await using site = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const name = new URL(request.url).pathname.replace(/^\/latest\/download\//, "");
        return new Response(await Deno.readFile(`${releases}/${name}`));
      },
    );
    await prepare(folder);
    const { denoDir } = JSON.parse(await output(Deno.execPath(), ["info", "--json"]));
    {
      await using machine = new Machine(folder, `http://127.0.0.1:${site.addr.port}`, denoDir);
      for (let at = 0; at < blocks.length; at++) {
        const { language, code, line } = blocks[at];
        if (nameOf(code) !== undefined && language !== "sh") await machine.writeFile(code);
        else if (language === "sh server") await machine.serve(code);
        else if (language === "sh") {
          const isExpected = blocks[at + 1]?.language === "text";
          const expected = isExpected ? blocks[++at].code : null;
          await expect(machine, code, expected, line);
        } else throw new Error(`docs/tutorial.md:${line}: a block that is not run`);
      }
      assertMatch(machine.log, /app\.ts/);
    }
    await Deno.remove(folder, { recursive: true });
  },
});

/** Runs commands; those that only ask do so until the answer is there, as a reader waits for the log. */
async function expect(
  machine: Machine,
  code: string,
  expected: string | null,
  line: number,
): Promise<void> {
  const isAnotherTryFine = /^curl -s http:\S+\n$/.test(code);
  for (let waitedMs = 0;; waitedMs += PAUSE_MS) {
    const printed = await machine.run(code);
    if (expected === null || printed === expected) return;
    if (!isAnotherTryFine || waitedMs > PATIENCE_MS) {
      assertEquals(printed, expected, `docs/tutorial.md:${line}\n${machine.log}`);
    }
    await pause();
  }
}

const hasSystemd = await new Deno.Command("systemd-analyze", {
  args: ["--version"],
  stdout: "null",
}).output().then(({ success }) => success, () => false);

Deno.test({
  name: "systemd finds nothing wrong with the tutorial's unit",
  ignore: !hasSystemd,
  async fn() {
    const unit = blocks.find(({ code }) => nameOf(code) === "guestbook.service")!.code;
    const folder = await Deno.makeTempDir();
    // That of the unit is not installed here.
    const installed = unit.replaceAll("/usr/local/bin/gatehouse", "/bin/true");
    await Deno.writeTextFile(`${folder}/guestbook.service`, installed);
    const { success, stderr } = await new Deno.Command("systemd-analyze", {
      args: ["verify", "--man=no", `${folder}/guestbook.service`],
    }).output();
    const complaints = decoder.decode(stderr);
    assert(success, complaints);
    assert(!complaints.includes("guestbook.service"), complaints);
    await Deno.remove(folder, { recursive: true });
  },
});
