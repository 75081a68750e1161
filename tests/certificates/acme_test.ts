import { AcmeState } from "../../src/certificates/acme_state.ts";
import { AcmeUpkeep, renewalDelayMs } from "../../src/certificates/acme_upkeep.ts";
import { CertificateFiles } from "../../src/certificates/certificate_files.ts";
import { readCertificate } from "../../src/certificates/codec/x509.ts";
import { ownKeyPair } from "../../src/certificates/keys.ts";
import { checkKeys } from "../../src/net/tls_listener.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../support/assert.ts";
import type { Faults } from "../support/acme_authority.ts";
import { AcmeAuthority, problem } from "../support/acme_authority.ts";
import { inFolder } from "../support/processes.ts";

const DAY_MS = 86_400_000;
const NAMES = ["a.test", "b.test"];

/** A client's side: a folder, and what was logged. */
class Lab {
  readonly log: string[] = [];
  readonly state: AcmeState;
  newOnes = 0;
  readonly directory: URL;

  constructor(folder: string, directory: URL) {
    this.directory = directory;
    this.state = new AcmeState(folder, directory);
    this.state.make();
  }

  get text(): string | null {
    try {
      return Deno.readTextFileSync(this.state.pathFor(NAMES));
    } catch {
      return null;
    }
  }

  /** Lets certificates be kept until the first is there, or something has failed. */
  async keepUp(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const client = Deno.createHttpClient({});
    const upkeep = new AcmeUpkeep({
      directory: this.directory,
      certificates: [NAMES],
      contacts: ["mailto:a@b.test"],
      state: this.state,
      transport: (url, init) => fetch(url, { ...init, redirect: "manual", client }),
      onNew: () => {
        this.newOnes++;
        resolve();
      },
      log: (level, line) => {
        this.log.push(`${level}: ${line}`);
        if (level === "error") resolve();
      },
      pollMs: 1,
    });
    await promise;
    upkeep[Symbol.dispose]();
    await upkeep.settled;
    client.close();
  }
}

async function withAuthority(
  faults: Faults,
  body: (lab: Lab, authority: AcmeAuthority, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder({}, async (folder) => {
    await using authority = new AcmeAuthority((token) => lab.state.answerTo(token), faults);
    const lab: Lab = new Lab(`${folder}/state`, authority.directory);
    await body(lab, authority, folder);
  });
}

Deno.test("a certificate is got once, kept for its user alone, and the account's key with it", () =>
  withAuthority({}, async (lab, authority) => {
    await lab.keepUp();
    assertEquals(lab.newOnes, 1, lab.log.join("\n"));
    const text = lab.text!;
    checkKeys({ cert: text, key: text });
    assertEquals(readCertificate(text).names, NAMES);
    const { folder } = lab.state;
    const modes = [...Deno.readDirSync(folder)].map(({ name }) =>
      [name, (Deno.statSync(`${folder}/${name}`).mode! & 0o777).toString(8)].join(" ")
    ).sort();
    assertMatch(modes.join(), /^a\.test-\w{8}\.pem 600,account\.pem 600,challenges 700$/);
    assertEquals([...Deno.readDirSync(`${folder}/challenges`)], []);
    // The same account asks the next time, and nothing is asked for while what is there is valid.
    const account = Deno.readTextFileSync(`${folder}/account.pem`);
    const count = authority.requests.length;
    const again = new AcmeUpkeep({
      directory: lab.directory,
      certificates: [NAMES],
      contacts: [],
      state: lab.state,
      transport: () => Promise.reject(new Error("nobody is to be asked")),
      onNew() {},
      log: (...line) => lab.log.push(line.join()),
    });
    await new Promise((resolve) => setTimeout(resolve));
    await again.settled;
    again[Symbol.dispose]();
    assertEquals(authority.requests.length, count);
    assertEquals(Deno.readTextFileSync(`${folder}/account.pem`), account);
    assertEquals(lab.log.length, 1);
  }));

Deno.test("a certificate is renewed when a third of its lifetime is left, or it is for other names", async () => {
  const now = Date.now();
  for (
    const [names, begin, end] of [
      [NAMES, now - 61 * DAY_MS, now + 29 * DAY_MS],
      [NAMES, now - 90 * DAY_MS, now - DAY_MS],
      [["a.test"], now - DAY_MS, now + 89 * DAY_MS],
    ] as const
  ) {
    await withAuthority({}, async (lab) => {
      const { cert, key } = await ownKeyPair(names, begin, end);
      lab.state.write(lab.state.pathFor(NAMES), key + cert);
      await lab.keepUp();
      assertEquals(lab.newOnes, 1, lab.log.join("\n"));
      assertEquals(readCertificate(lab.text!).names, NAMES);
    });
  }
});

Deno.test("the time of a renewal is a third of the lifetime before its end, and by chance a little earlier", () => {
  const facts = { notBeforeMs: 0, notAfterMs: 90 * DAY_MS };
  assertEquals(renewalDelayMs(facts, 0, 0), 60 * DAY_MS);
  assertEquals(renewalDelayMs(facts, 0, 1), 57 * DAY_MS);
  assertEquals(renewalDelayMs(facts, 59 * DAY_MS, 0), DAY_MS);
  assertEquals(renewalDelayMs(facts, 61 * DAY_MS, 0), 0);
  assertEquals(renewalDelayMs(facts, 100 * DAY_MS, 1), 0);
});

Deno.test("a number that was used, or is lost, costs one more request", () =>
  withAuthority({
    answer: (path, times) =>
      path === "/order" && times <= 2 || path === "/finalize" && times === 1
        ? problem(400, "badNonce", "once more")
        : undefined,
  }, async (lab, authority) => {
    await lab.keepUp();
    assertEquals(lab.newOnes, 1, lab.log.join("\n"));
    assertEquals(authority.requests.filter((path) => path === "/order").length, 3);
  }));

const own = await ownKeyPair(NAMES);

for (
  const [what, changeChain] of [
    ["text before it", (chain) => `# hello\n${chain}`],
    ["another key before it", (chain) => own.key + chain],
    ["another key behind it", (chain) => chain + own.key],
    [
      "a key of another kind",
      (chain) => own.key.replaceAll("PRIVATE", "RSA PRIVATE") + chain + own.key,
    ],
  ] as [string, (chain: string) => string][]
) {
  Deno.test(`what else comes with a certificate is not kept: ${what}`, () =>
    withAuthority({ changeChain }, async (lab) => {
      await lab.keepUp();
      assertEquals(lab.newOnes, 1, lab.log.join("\n"));
      const text = lab.text!;
      checkKeys({ cert: text, key: text });
      const labels = [...text.matchAll(/^-----BEGIN (.*)-----$/gm)].map(([, label]) => label);
      assertEquals(labels, ["PRIVATE KEY", "CERTIFICATE", "CERTIFICATE"]);
      assertEquals(text.replaceAll(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----\n/g, ""), "");
    }));
}

for (
  const [name, message, faults] of [
    ["it refuses the names", /it answers 403: not these, or so/, {
      answer: (path) => path === "/order" ? problem(403, "x", "not these, or so") : undefined,
    }],
    ["it says when to come again", /next try in 1[23]\d min: it answers 429: too many/, {
      answer: (path) =>
        path === "/order"
          ? problem(429, "rateLimited", "too many", { "retry-after": "7200" })
          : undefined,
    }],
    ["it finds no proof", /no answer there/, {
      change: (path, body) =>
        path !== "/authorization" ? body : {
          ...body,
          status: "invalid",
          challenges: [{ type: "http-01", error: { detail: "no answer there" } }],
        },
    }],
    ["every number is an old one", /it answers 400: again/, {
      answer: (path) => path === "/order" ? problem(400, "badNonce", "again") : undefined,
    }],
    ["it is no authority", /its answer is no JSON object/, {
      answer: (path) => path === "/dir" ? new Response("<html>") : undefined,
    }],
    ["it leads elsewhere", /it answers 302/, {
      answer: (path) =>
        path === "/dir"
          ? new Response(null, { status: 302, headers: { location: "http://127.0.0.1:1/" } })
          : undefined,
    }],
    ["its URLs are of another kind", /it says no usable URL/, {
      change: (path, body) => path === "/dir" ? { ...body, newOrder: "file:///etc/passwd" } : body,
    }],
    ["its token is a path", /the token of its challenge is malformed/, {
      change: (path, body) =>
        path !== "/authorization" ? body : {
          ...body,
          status: "pending",
          challenges: [{ type: "http-01", token: "../../../a", url: "http://127.0.0.1/" }],
        },
    }],
    ["it has other challenges only", /it offers no challenge over HTTP/, {
      change: (path, body) =>
        path === "/authorization"
          ? { status: "pending", challenges: [{ type: "dns-01" }, null] }
          : body,
    }],
    ["it asks for more than was ordered", /it asks for too many proofs/, {
      change: (path, body) =>
        path === "/order" ? { ...body, authorizations: Array(9).fill("http://127.0.0.1/") } : body,
    }],
    ["its answer never ends", /its answer is too long/, {
      answer: (path) => path === "/dir" ? new Response("a".repeat(2_000_000)) : undefined,
    }],
    ["its certificate is for another key", /KeyMismatch|consistent/, { certificate: own.cert }],
    ["its certificate is none", /there is no certificate in its answer/, { certificate: "" }],
    ["its certificate is damaged", /its certificate is damaged/, {
      changeChain: (chain) => `${chain}-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n`,
    }],
    ["it never decides", /it did not come to a decision in time/, {
      change: (path, body) => path === "/order/1" ? { ...body, status: "processing" } : body,
    }],
  ] as [string, RegExp, Faults][]
) {
  Deno.test(`what there is stays if the authority fails: ${name}`, () =>
    withAuthority(faults, async (lab) => {
      const before = Date.now() - 80 * DAY_MS;
      const old = await ownKeyPair(NAMES, before, before + 90 * DAY_MS);
      const text = old.key + old.cert;
      lab.state.write(lab.state.pathFor(NAMES), text);
      await lab.keepUp();
      assertMatch(lab.log.join("\n"), message);
      assertEquals(lab.log.length, 1);
      assertEquals([lab.text, lab.newOnes], [text, 0]);
      assertEquals([...Deno.readDirSync(`${lab.state.folder}/challenges`)], []);
    }));
}

Deno.test("an authority that cannot be reached is an error that says so, and no file is made", () =>
  inFolder({}, async (folder) => {
    const lab = new Lab(folder, new URL("http://127.0.0.1:1/dir"));
    await lab.keepUp();
    assertMatch(
      lab.log.join("\n"),
      /^error: no certificate for .* from 127\.0\.0\.1, next try in 1 min: /,
    );
    assertEquals(lab.text, null);
  }));

Deno.test("challenges are answered by name of a file there, and by no other path", () =>
  inFolder({ "secret": "no" }, async (folder) => {
    const state = new AcmeState(folder, new URL("https://ca.test/"));
    state.make();
    await state.put("a-B_9", "answer");
    for (const [token, answer] of [["a-B_9", "answer"], ["other", null]]) {
      assertEquals(state.answerTo(token!), answer);
    }
    for (
      const token of [
        "",
        ".",
        "..",
        "../account.pem",
        "../../secret",
        "a/b",
        "a%2fb",
        "a".repeat(200),
      ]
    ) {
      assertEquals(state.answerTo(token), null, token);
    }
    await state.remove("a-B_9");
    await state.remove("a-B_9");
    assertEquals(state.answerTo("a-B_9"), null);
  }));

Deno.test("challenges that cannot be looked up have no answer, and are told of within bounds", () =>
  inFolder({}, async (folder) => {
    const lines: string[] = [];
    const state = new AcmeState(
      folder,
      new URL("https://ca.test/"),
      (...line) => lines.push(line.join(": ")),
    );
    state.make();
    await state.put("own", "answer");
    // No text, as far as reading goes.
    Deno.mkdirSync(`${state.folder}/challenges/odd`);
    for (let count = 0; count < 100; count++) assertEquals(state.answerTo("odd"), null);
    assertEquals(state.answerTo("none"), null);
    assert(lines.length > 0 && lines.length < 50, String(lines.length));
    assertMatch(lines[0], /^warning: a challenge for a certificate cannot be looked up: /);
    // What this process has put there needs no file.
    Deno.removeSync(`${state.folder}/challenges`, { recursive: true });
    assertEquals(state.answerTo("own"), "answer");
    await state.remove("own");
    assertEquals(state.answerTo("own"), null);
  }));

for (const name of ["", "challenges"]) {
  const what = name === "" ? "a folder" : `a folder ${name}`;
  Deno.test({
    ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
    name: `${what} that is somebody else's is not used for certificates, nor left open to others`,
    fn: () =>
      inFolder({}, (folder) => {
        const state = new AcmeState(folder, new URL("https://ca.test/"));
        const path = `${state.folder}/${name}`;
        Deno.mkdirSync(path, { recursive: true, mode: 0o755 });
        Deno.chownSync(path, 65_534, 65_534);
        assertThrows(
          () => state.make(),
          Error,
          " belongs to user 65534, and this process is user 0",
        );
        assertEquals(Deno.statSync(path).mode! & 0o777, 0o755);
        Deno.chownSync(path, 0, 0);
        state.make();
      }),
  });

  Deno.test({
    ignore: Deno.build.os === "windows",
    name: `${what} that is a link is not used for certificates`,
    fn: () =>
      inFolder({ "victim/file": "" }, (folder) => {
        const state = new AcmeState(folder, new URL("https://ca.test/"));
        if (name !== "") Deno.mkdirSync(state.folder);
        Deno.chmodSync(`${folder}/victim`, 0o755);
        Deno.symlinkSync(`${folder}/victim`, `${state.folder}/${name}`.replace(/\/$/, ""));
        assertThrows(() => state.make(), Error, " is a link");
        assertEquals(Deno.statSync(`${folder}/victim`).mode! & 0o777, 0o755);
      }),
  });
}

Deno.test("what stands in for a certificate is shown until there is one", () =>
  inFolder({}, async (folder) => {
    const [standIn, pair] = await Promise.all([ownKeyPair(NAMES), ownKeyPair(NAMES)]);
    const path = `${folder}/a.pem`;
    const lines: string[] = [];
    const entry = { certFile: path, keyFile: path, standIn };
    const files = new CertificateFiles([entry], (...line) => lines.push(line.join()));
    assertEquals(files.identity.pairs[0].cert, standIn.cert);
    assert(!files.reread());
    assertEquals(lines, []);
    Deno.writeTextFileSync(path, pair.key + pair.cert);
    const later = new CertificateFiles([{ ...entry, reading: "later" }], () => {});
    assertEquals(later.identity.pairs[0].cert, standIn.cert);
    assert(files.reread() && later.reread());
    assertEquals(files.identity.pairs[0].cert, pair.key + pair.cert);
    assert(!files.reread());
  }));
