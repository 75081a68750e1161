import { assert, assertEquals, assertNotMatch, assertThrows } from "../support/assert.ts";
import { libzmqIsMissing, run } from "../support/peers.ts";
import { pythonWithZmq } from "../support/zmq.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { isCurveKey } from "../../src/base/z85.ts";
import { newCurveKeys, publicKeyOf } from "../../src/zmq/curve.ts";
import { formatCertificate, readClientKeys, readCurveKeys } from "../../src/zmq/curve_files.ts";

const ignore = libzmqIsMissing();
const python = ignore ? null : pythonWithZmq();

// The specification's example (ZeroMQ RFC 32, and the manual of zmq_curve).
const PUBLIC = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const SECRET = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
const OTHER = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

async function withFolder(body: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function write(path: string, text: string, mode = 0o600): string {
  Deno.writeTextFileSync(path, text, { mode });
  Deno.chmodSync(path, mode);
  return path;
}

function test(name: string, body: (folder: string) => void | Promise<void>): void {
  Deno.test({ name, ignore, fn: () => withFolder(body) });
}

const CZMQ = `#   ****  Generated on 2026-12-01 07:00:00 by CZMQ  ****
#   ZeroMQ CURVE **Secret** Certificate

metadata
    name = "web-1"
    public-key = "not this one"
curve
    public-key = "${PUBLIC}"
    secret-key = "${SECRET}"
`;

const secretFiles: Record<string, string> = {
  "a certificate": CZMQ,
  "a certificate without quotes": CZMQ.replaceAll('"', ""),
  "a certificate in single quotes": CZMQ.replaceAll('"', "'"),
  "a certificate with tabs and Windows' ends of lines": CZMQ.replaceAll("    ", "\t").replaceAll(
    "\n",
    "\r\n",
  ),
  "a certificate without the public key": CZMQ.replace(/^ {4}public-key.*\n/gm, ""),
  "a secret key alone": SECRET,
  "a secret key alone, in a line": `\n${SECRET}\n`,
};
for (const [what, text] of Object.entries(secretFiles)) {
  test(`a pair of keys is read from ${what}`, (folder) => {
    const keys = readCurveKeys(write(`${folder}/k`, text));
    assertEquals(keys, { publicKey: PUBLIC, secretKey: SECRET });
  });
}

const noPairs: Record<string, [string, string]> = {
  "a certificate without a secret key": [
    CZMQ.replace(/^ {4}secret-key.*\n/m, ""),
    "/k has no secret key; that may be in ",
  ],
  "the public key of another one": [
    CZMQ.replace(PUBLIC, OTHER),
    "does not belong to the secret one",
  ],
  "a secret key that is too short": [
    CZMQ.replace(SECRET, SECRET.slice(1)),
    "/k:9: the secret key is not one in Z85",
  ],
  "a secret key twice": [`${CZMQ}    secret-key = "${SECRET}"\n`, "/k:10 has a second secret key"],
  "nothing": ["", "/k has no key: it is no certificate"],
  "a key of TLS": ["-----BEGIN PRIVATE KEY-----\n", "/k has no key: it is no certificate"],
  "a key and something else": [`${SECRET} x`, "/k has no key: it is no certificate"],
  "too much": ["#".repeat(1_048_577), "it is too large for keys"],
};
for (const [what, [text, reason]] of Object.entries(noPairs)) {
  test(`there is no pair of keys in a file with ${what}, and the error tells no secret`, (folder) => {
    const path = write(`${folder}/k`, text);
    const { message } = assertThrows(() => readCurveKeys(path), ConfigError, reason);
    assertNotMatch(message, /IlAW!ahhC2ac/);
  });
}

for (const mode of [0o640, 0o604, 0o660, 0o620, 0o601]) {
  const digits = `0${mode.toString(8)}`;
  test(`a secret key is refused that others have to do with: ${digits}`, (folder) => {
    const path = write(`${folder}/k`, CZMQ, mode);
    assertThrows(
      () => readCurveKeys(path),
      ConfigError,
      `the secret key ${path} can be used by others than its owner (its mode is ${digits}): chmod 600 ${path}`,
    );
  });
}

test("a file that is missing, or a folder, is no pair of keys", (folder) => {
  assertThrows(() => readCurveKeys(`${folder}/none`), ConfigError, `${folder}/none cannot be read`);
  assertThrows(() => readCurveKeys(folder), ConfigError, "it is not a file");
});

test("the keys of clients are read from a list, with what follows them", (folder) => {
  const text = `# those of the shop\n${PUBLIC} web-1\n\n  ${OTHER}\t# web-2\n`;
  const path = write(`${folder}/list`, text, 0o644);
  assertEquals(
    readClientKeys(path),
    new Map([[PUBLIC, `${path}:2`], [OTHER, `${path}:4`]]),
  );
});

test("the keys of clients are read from a certificate, and from a folder of them", (folder) => {
  const path = write(`${folder}/a.key`, formatCertificate({ publicKey: PUBLIC }), 0o644);
  assertEquals(readClientKeys(path), new Map([[PUBLIC, path]]));
  const other = write(`${folder}/b.key`, OTHER, 0o644);
  write(`${folder}/b.key_secret`, "not looked at");
  write(`${folder}/.hidden`, "not looked at");
  Deno.mkdirSync(`${folder}/folder`);
  assertEquals(readClientKeys(folder), new Map([[PUBLIC, path], [OTHER, `${other}:1`]]));
});

const noLists: Record<string, [string, string]> = {
  "a word that is no key": [`${PUBLIC}\nweb-1\n`, "/l:2 does not begin with a public key in Z85"],
  "a certificate without a public key": ["curve\n", "/l has no public key"],
  "a certificate whose key is none": [
    'curve\n public-key = "x"\n',
    "/l:2: the public key is not one",
  ],
};
for (const [what, [text, reason]] of Object.entries(noLists)) {
  test(`keys of clients are refused with ${what}`, (folder) => {
    assertThrows(() => readClientKeys(write(`${folder}/l`, text)), ConfigError, reason);
  });
}

test("new keys are pairs, and no two are the same", () => {
  const [first, second] = [newCurveKeys(), newCurveKeys()];
  for (const keys of [first, second]) {
    assert(isCurveKey(keys.publicKey) && isCurveKey(keys.secretKey));
    assertEquals(publicKeyOf(keys.secretKey), keys.publicKey);
  }
  assert(first.secretKey !== second.secretKey);
});

Deno.test({
  name: "certificates go from pyzmq to here, and back",
  ignore: ignore || python === null,
  fn: () =>
    withFolder(async (folder) => {
      await run(python!, "-c", CREATE, folder);
      const theirs = readCurveKeys(`${folder}/theirs.key_secret`);
      assertEquals([...readClientKeys(`${folder}/theirs.key`).keys()], [theirs.publicKey]);
      const ours = newCurveKeys();
      write(`${folder}/ours.key_secret`, formatCertificate(ours));
      write(`${folder}/ours.key`, formatCertificate({ publicKey: ours.publicKey }));
      const loaded = await run(python!, "-c", LOAD, folder);
      assertEquals(loaded.split("\n").slice(0, 3), [
        ours.publicKey,
        ours.secretKey,
        ours.publicKey,
      ]);
    }),
});

const CREATE = `
import os, sys, zmq.auth
zmq.auth.create_certificates(sys.argv[1], "theirs", metadata={"name": "x"})
os.chmod(sys.argv[1] + "/theirs.key_secret", 0o600)
`;
const LOAD = `
import sys, zmq.auth
for name in ("ours.key_secret", "ours.key"):
    for key in zmq.auth.load_certificate(sys.argv[1] + "/" + name):
        if key: print(key.decode())
`;
