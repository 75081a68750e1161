import {
  der,
  DerError,
  derInteger,
  derObjectId,
  derValues,
} from "../../src/certificates/codec/der.ts";
import { base64Url, firstPem, pemOf } from "../../src/certificates/codec/pem.ts";
import { isFor, readCertificate } from "../../src/certificates/codec/x509.ts";
import { identityOf } from "../../src/certificates/identity.ts";
import { ownKeyPair } from "../../src/certificates/keys.ts";
import { checkKeys } from "../../src/net/tls_listener.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import { isMissing, run } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";

const NAMES = ["A.test", "*.b.test"];

Deno.test("a certificate says its names and times, in both forms of time", async () => {
  for (
    const [notBefore, notAfter] of [
      ["2026-01-02T03:04:05Z", "2049-12-31T23:59:59Z"],
      ["1970-01-01T00:00:00Z", "2050-01-01T00:00:00Z"],
    ]
  ) {
    const [notBeforeMs, notAfterMs] = [Date.parse(notBefore), Date.parse(notAfter)];
    const { cert } = await ownKeyPair(NAMES, notBeforeMs, notAfterMs);
    assertEquals(readCertificate(`text before\n${cert}`), {
      names: ["a.test", "*.b.test"],
      addresses: [],
      notBeforeMs,
      notAfterMs,
    });
  }
});

Deno.test("openssl's certificates are read, with addresses", () =>
  inFolder({}, async (folder) => {
    const { cert } = await makeOwnCertificate(folder);
    const { names, addresses, notAfterMs } = readCertificate(cert);
    assertEquals([names, addresses], [[], ["127.0.0.1"]]);
    assert(notAfterMs > Date.now());
  }));

Deno.test({
  ignore: isMissing("openssl"),
  name:
    "the runtime does not serve what TLS-ALPN-01 is answered with, as docs/certificates.md says",
  fn: () =>
    inFolder({}, async (folder) => {
      const [certFile, keyFile] = [`${folder}/proof.pem`, `${folder}/proof.key`];
      const proof = `critical,DER:0420${"00".repeat(32)}`;
      await run(
        "openssl",
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(" "),
        ...["-subj", "/CN=a.test", "-addext", "basicConstraints=critical,CA:FALSE"],
        ...["-addext", `1.3.6.1.5.5.7.1.31=${proof}`, "-keyout", keyFile, "-out", certFile],
      );
      const [cert, key] = [certFile, keyFile].map((file) => Deno.readTextFileSync(file));
      // Once it does, the challenge can be supported.
      assertThrows(() => checkKeys({ cert, key }), Error, "UnsupportedCriticalExtension");
    }),
});

Deno.test("a certificate that is cut off, or changed anywhere, is read or refused", async () => {
  const { cert } = await ownKeyPair(NAMES);
  const bytes = firstPem(cert, "CERTIFICATE")!;
  const read = (changed: Uint8Array) => {
    try {
      readCertificate(pemOf("CERTIFICATE", changed));
      return "read";
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return "refused";
    }
  };
  const outcomes = new Set<string>();
  for (let end = 0; end < bytes.length; end++) {
    assertEquals(read(bytes.slice(0, end)), "refused", `${end}`);
  }
  for (let place = 0; place < bytes.length; place++) {
    for (const value of [0x00, 0x1f, 0x30, 0x80, 0x84, 0xff]) {
      const changed = bytes.slice();
      changed[place] = value;
      outcomes.add(read(changed));
    }
  }
  assertEquals(outcomes, new Set(["read", "refused"]));
});

for (
  const text of ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"]
) {
  Deno.test(`${JSON.stringify(text)} is no certificate`, () => {
    assertThrows(() => readCertificate(text), DerError, "there is no certificate");
  });
}

for (
  const [hex, message] of [
    ["30", "a length is missing"],
    ["3001", "a value is cut off"],
    ["308200", "a value is cut off"],
    ["3080", "a length is too long"],
    ["30850000000001", "a length is too long"],
    ["3084ffffffff", "a value is cut off"],
    ["1f8101", "a tag is too long"],
  ]
) {
  Deno.test(`the DER ${hex} is refused: ${message}`, () => {
    const bytes = Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16));
    assertThrows(() => [...derValues(bytes)], DerError, message);
  });
}

Deno.test("DER has lengths of any size, numbers with their sign, and identifiers", () => {
  const hex = (bytes: Uint8Array) =>
    Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const length of [0, 127, 128, 255, 256, 70_000]) {
    const [{ tag, content }] = derValues(der(4, new Uint8Array(length)));
    assertEquals([tag, content.length], [4, length]);
  }
  assertEquals(hex(derInteger(Uint8Array.of(0, 0, 0x80))), "02020080");
  assertEquals(hex(derInteger(Uint8Array.of(0, 1))), "020101");
  assertEquals(hex(derInteger(Uint8Array.of(0))), "020100");
  assertEquals(hex(derObjectId("1.2.840.10045.4.3.2")), "06082a8648ce3d040302");
  assertEquals(base64Url(Uint8Array.of(0xfb, 0xff, 0xfe, 0)), "-__-AA");
});

Deno.test("a client sees the certificate for the name that it asks for, or the first", async () => {
  const [first, star, exact] = await Promise.all(
    [["first.test"], ["*.b.test", "first.test"], ["x.b.test"]].map(async (names) => {
      const pair = await ownKeyPair(names);
      return { ...pair, facts: readCertificate(pair.cert) };
    }),
  );
  const identity = identityOf([first, star, exact]);
  for (
    const [name, expected] of [
      ["", first],
      ["other.test", first],
      ["first.test", first],
      ["a.b.test", star],
      ["x.b.test", exact],
      ["b.test", first],
      ["a.a.b.test", first],
      [".b.test", first],
      ["*.b.test", star],
      ["constructor", first],
      ["__proto__", first],
    ] as const
  ) {
    assert(identity.choose(name) === expected, name);
  }
});

Deno.test("a certificate is for its names and addresses, and for one label in the place of a star", () => {
  const facts = {
    names: ["a.test", "*.b.test"],
    addresses: ["127.0.0.1", "::1"],
    notBeforeMs: 0,
    notAfterMs: 0,
  };
  const is = (host: string) => isFor(facts, host);
  assertEquals(["a.test", "x.b.test", "127.0.0.1", "[::1]"].map(is), [true, true, true, true]);
  assertEquals(["b.test", "x.y.b.test", "[::2]", "", "com"].map(is), Array(5).fill(false));
});
