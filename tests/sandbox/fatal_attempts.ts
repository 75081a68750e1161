/**
 * An app that tries to end its process with what it gives to the platform: `GET /WAY/CALL` makes one call,
 * and says what comes of it.
 */

import { Buffer } from "node:buffer";
import crypto from "node:crypto";
import * as cryptoNames from "node:crypto";
import { createRequire } from "node:module";
import process from "node:process";

// deno-lint-ignore no-explicit-any
type Any = any;

const require = createRequire("file:///app.js");

/** How an app can come by node:crypto. */
const ways: Record<string, () => Any> = {
  "default import": () => crypto,
  "named import": () => cryptoNames,
  "import()": () => import("node:crypto"),
  "require()": () => require("crypto"),
  "require() of node:": () => require("node:crypto"),
  "getBuiltinModule()": () => (process as Any).getBuiltinModule("crypto"),
};

function asPromise(
  call: (done: (error: unknown, value: unknown) => void) => void,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call((error, value) => error == null ? resolve(value) : reject(error));
  });
}

const scope = globalThis as Any;

function canvas(width: number, height: number): Any {
  if (scope.OffscreenCanvas === undefined) throw new RangeError("there are no canvases");
  return new scope.OffscreenCanvas(width, height);
}

const IMAGE = new ImageData(4, 2);
const bitmap: Any = createImageBitmap;

/** What has ended processes. `c` is node:crypto. */
const fatal: Record<string, (c: Any) => unknown> = {
  "generatePrimeSync(1)": (c) => c.generatePrimeSync(1),
  "generatePrime(1)": (c) => asPromise((done) => c.generatePrime(1, done)),
  "generatePrimeSync, far too large": (c) => c.generatePrimeSync(2 ** 30),
  "dh key pair of 1 bit": (c) => c.generateKeyPairSync("dh", { primeLength: 1 }),
  "dh key pair of 0 bits": (c) =>
    asPromise((done) => c.generateKeyPair("dh", { primeLength: 0 }, done)),
  "dh key pair of prime 0": (c) => c.generateKeyPairSync("dh", { prime: Buffer.from([0]) }),
  "dh key pair of no prime": (c) => c.generateKeyPairSync("dh", { prime: Buffer.alloc(0) }),
  "dh key pair of options that change": (c) => {
    let count = 0;
    const options = {
      get primeLength() {
        return count++ === 0 ? 1024 : 1;
      },
      get prime() {
        return count++ === 0 ? undefined : Buffer.alloc(0);
      },
    };
    return c.generateKeyPairSync("dh", options);
  },
  "rsa key pair of 1 bit": (c) => c.generateKeyPairSync("rsa", { modulusLength: 1 }),
  "rsa key pair of 8 bits": (c) =>
    asPromise((done) => c.generateKeyPair("rsa", { modulusLength: 8 }, done)),
  "rsa-pss key pair of 1 bit": (c) => c.generateKeyPairSync("rsa-pss", { modulusLength: 1 }),
  "rsa key pair of an even exponent": (c) =>
    c.generateKeyPairSync("rsa", { modulusLength: 512, publicExponent: 2 }),
  "rsa key pair of exponent 0": (c) =>
    c.generateKeyPairSync("rsa", { modulusLength: 512, publicExponent: 0 }),
  "createDiffieHellman of no prime": (c) => c.createDiffieHellman(Buffer.alloc(0)).generateKeys(),
  "createDiffieHellman of prime 0": (c) => {
    const exchange = c.createDiffieHellman(Buffer.from([0]));
    exchange.setPrivateKey(Buffer.from([1]));
    return exchange.computeSecret(Buffer.from([1]));
  },
  "createDiffieHellman of text": (c) => c.createDiffieHellman("00", "hex").generateKeys(),
  "createDiffieHellman, far too large": (c) => c.createDiffieHellman(2 ** 31 - 1),
  "DiffieHellman, far too large": (c) => new c.DiffieHellman(2 ** 20),
  "DiffieHellman": (c) => new c.DiffieHellman(Buffer.alloc(0)).generateKeys(),
  "DiffieHellman of DiffieHellman": (c) => {
    const { constructor } = c.createDiffieHellman(Buffer.alloc(64, 255));
    return new constructor(Buffer.alloc(0)).generateKeys();
  },
  "createImageBitmap, resized": () =>
    bitmap(IMAGE, { resizeWidth: 4294967295, resizeHeight: 4294967295 }),
  "createImageBitmap, resized less": () =>
    bitmap(IMAGE, { resizeWidth: 100_000, resizeHeight: 100_000 }),
  "createImageBitmap, of one side": () => bitmap(IMAGE, { resizeHeight: 60_000 }),
  "createImageBitmap, of the other side": () =>
    bitmap(new ImageData(1, 60_000), { resizeWidth: 60_000 }),
  "createImageBitmap, cropped": () => bitmap(IMAGE, 0, 0, 2147483647, 2147483647),
  "createImageBitmap, cropped far away": () => bitmap(IMAGE, -2147483648, 0, 2147483647, 1),
  "OffscreenCanvas": () => canvas(1e9, 1e9),
  "OffscreenCanvas, of its class": () => new (canvas(1, 1).constructor)(4294967295, 4294967295),
  "OffscreenCanvas, set": () => {
    const made = canvas(1, 1);
    made.width = 65_535;
    made.height = 4294967295;
    return made;
  },
};

/** What still has to work. */
const useful: Record<string, (c: Any) => unknown> = {
  "a prime": (c) => c.generatePrimeSync(64),
  "an rsa key pair": (c) => c.generateKeyPairSync("rsa", { modulusLength: 1024 }),
  "an rsa key pair, later": (c) =>
    asPromise((done) => c.generateKeyPair("rsa", { modulusLength: 1024 }, done)),
  "an ec key pair": (c) => c.generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  "an ed25519 key pair": (c) => c.generateKeyPairSync("ed25519"),
  "Diffie and Hellman": (c) =>
    c.createDiffieHellman(c.getDiffieHellman("modp5").getPrime()).generateKeys(),
  "Diffie and Hellman by text": (c) => {
    const prime = c.getDiffieHellman("modp5").getPrime("hex");
    return c.createDiffieHellman(prime, "hex", "02", "hex").generateKeys();
  },
  "a bitmap": () => bitmap(IMAGE),
  "a resized bitmap": async () => {
    const { width, height } = await bitmap(IMAGE, { resizeWidth: 40, resizeHeight: 30 });
    if (width !== 40 || height !== 30) throw new Error(`${width} x ${height}`);
  },
  "a bitmap resized by one side": async () => {
    const { width, height } = await bitmap(IMAGE, { resizeWidth: 40 });
    if (width !== 40 || height !== 20) throw new Error(`${width} x ${height}`);
  },
  "a bitmap of options that change": () => {
    let count = 0;
    return bitmap(IMAGE, {
      resizeHeight: 50_000,
      get resizeWidth() {
        return count++ === 0 ? 10 : 50_000;
      },
    });
  },
  "a cropped bitmap": async () => {
    const { width, height } = await bitmap(IMAGE, 3, 2, -2, -1);
    if (width !== 2 || height !== 1) throw new Error(`${width} x ${height}`);
  },
  "a canvas": () => scope.OffscreenCanvas === undefined || canvas(800, 600).width,
};

export default async (request: Request): Promise<Response> => {
  const [way, call] = new URL(request.url).pathname.slice(1).split("/").map(decodeURIComponent);
  if (way === "names") {
    return Response.json({
      ways: Object.keys(ways),
      fatal: Object.keys(fatal),
      useful: Object.keys(useful),
    });
  }
  try {
    await (fatal[call] ?? useful[call])(await ways[way]());
    return new Response("done");
  } catch (error) {
    return new Response(error instanceof RangeError ? "refused" : String(error));
  }
};
