import { assert, assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import { parseMessage } from "../../src/mongrel2/codec/message.ts";
import type { Mongrel2Message } from "../../src/mongrel2/codec/message.ts";
import { UploadFolder, uploadNotice } from "../../src/mongrel2/upload.ts";
import type { PlainFile, UploadNotice } from "../../src/mongrel2/upload.ts";

const START = "x-mongrel2-upload-start";
const DONE = "x-mongrel2-upload-done";

function messageOf(headers: [string, string][], body = ""): Mongrel2Message {
  return { senderId: "s", connId: "1", path: "/", headers, body: bytesOf(body) };
}

const notices: Record<string, [[string, string][], UploadNotice]> = {
  "nothing": [[["host", "a"]], { kind: "none" }],
  "other fields of that kind": [[["x-mongrel2-upload", "/a"], [START.toUpperCase(), "/a"]], {
    kind: "none",
  }],
  "the start": [[["content-length", "5"], [START, "/tmp/m2.a"]], {
    kind: "started",
    path: "/tmp/m2.a",
  }],
  "the start, in chunks": [[["transfer-encoding", "chunked"], [START, "/tmp/m2.a"]], {
    kind: "started",
    path: "/tmp/m2.a",
  }],
  "the start, as Mongrel2 reads lengths": [[["content-length", "+30000, 0"], [START, "/a"]], {
    kind: "started",
    path: "/a",
  }],
  "both, and the same": [[[DONE, "/tmp/m2.a"], ["content-length", "5"], [START, "/tmp/m2.a"]], {
    kind: "done",
    path: "/tmp/m2.a",
  }],
  "a path in UTF-8": [[["content-length", "5"], [DONE, "/t\xc3\xa4/\xe2\x82\xac"], [
    START,
    "/t\xc3\xa4/\xe2\x82\xac",
  ]], {
    kind: "done",
    path: "/tä/€",
  }],
  "a path that is not UTF-8": [[["content-length", "5"], [DONE, "/\xff"], [START, "/\xff"]], {
    kind: "done",
    path: "/\xff",
  }],
};
for (const [what, [headers, notice]] of Object.entries(notices)) {
  Deno.test(`a message that tells ${what} of an upload is ${notice.kind}`, () => {
    assertEquals(uploadNotice(messageOf(headers)), notice);
  });
}

const forged: Record<string, [[string, string][], string]> = {
  "an end without a start": [[[DONE, "/tmp/a"]], ""],
  "the start of a handshake's": [[["METHOD", "WEBSOCKET_HANDSHAKE"], ["content-length", "5"], [
    START,
    "/tmp/a",
  ]], ""],
  "an end with another start": [[[START, "/tmp/b"], [DONE, "/tmp/a"]], ""],
  "an end that differs a little": [[[START, "/tmp/a"], [DONE, "/tmp/a "]], ""],
  "two starts": [[[START, "/tmp/a"], [START, "/tmp/a"]], ""],
  "two starts and an end": [[[START, "/tmp/a"], [START, "/tmp/b"], [DONE, "/tmp/a"]], ""],
  "two ends": [[[START, "/tmp/a"], [DONE, "/tmp/a"], [DONE, "/tmp/a"]], ""],
  "a start without an upload": [[[START, "/tmp/a"]], ""],
  ...Object.fromEntries(
    ["0", "00", "+0", "-0", "-1", "", "abc", "0, 5", "2147483648", "18446744073709551616"].map(
      (
        length,
      ) => [`a start with the length ${length}`, [[["content-length", length], [START, "/a"]], ""]],
    ),
  ),
  "a start with two lengths, of which the first counts": [
    [["content-length", "0"], ["content-length", "30000"], [START, "/a"]],
    "",
  ],
  ...Object.fromEntries(
    ["", "identity", "Chunked", "gzip, chunked"].map(
      (
        coding,
      ) => [`a start in the coding ${coding}`, [
        [["transfer-encoding", coding], [START, "/a"]],
        "",
      ]],
    ),
  ),
  "both without an upload": [[[START, "/tmp/a"], [DONE, "/tmp/a"]], ""],
  "both with the length 0": [[["content-length", "0"], [START, "/tmp/a"], [DONE, "/tmp/a"]], ""],
  "a start in chunks with the length 0": [
    [["transfer-encoding", "chunked"], ["content-length", "0"], [START, "/a"]],
    "",
  ],
  "a start beside an upload in messages": [
    [["content-length", "30000"], ["UPLOAD_STREAM", "0"], [START, "/a"]],
    "",
  ],
  "a start with a body": [[[START, "/tmp/a"]], "x"],
  "an end with a body": [[[START, "/tmp/a"], [DONE, "/tmp/a"]], "x"],
};
for (const [what, [headers, body]] of Object.entries(forged)) {
  Deno.test(`a message that tells ${what} is forged`, () => {
    const error = assertThrows(() => uploadNotice(messageOf(headers, body)), ProtocolError);
    assertEquals(error.status, 400);
  });
}

const FOLDER = new URL("../fixtures/mongrel2/", import.meta.url);
const captured: [string, UploadNotice["kind"]][] = [
  ["01-get-j-json", "none"],
  ["07-post-j-json", "none"],
  ["11-upload-j-json", "started"],
  ["12-upload-j-json", "done"],
  ["13-upload-j-json", "none"],
  ["15-chunked-j-json", "done"],
  ["34-upload-t-tnetstring", "started"],
  ["35-upload-t-tnetstring", "done"],
  ["37-chunked-t-tnetstring", "started"],
  ["38-chunked-t-tnetstring", "done"],
];
for (const [file, kind] of captured) {
  Deno.test(`the captured message ${file} tells of an upload: ${kind}`, () => {
    const message = parseMessage(Deno.readFileSync(new URL(`${file}.bin`, FOLDER)));
    assertEquals(uploadNotice(message).kind, kind);
  });
}

/** A folder as Mongrel2 runs in, with `tmp` for its uploads, and files outside. */
async function withFolder(body: (chroot: string) => Promise<void>): Promise<void> {
  const chroot = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${chroot}/tmp/folder`, { recursive: true });
    await Deno.mkdir(`${chroot}/tmp-other`);
    await Deno.writeTextFile(`${chroot}/tmp/m2.a`, "the upload");
    await Deno.writeTextFile(`${chroot}/tmp/m2.b`, "");
    await Deno.writeTextFile(`${chroot}/tmp/folder/m2.a`, "deeper");
    await Deno.writeTextFile(`${chroot}/tmp-other/m2.a`, "beside");
    await Deno.writeTextFile(`${chroot}/secret`, "secret");
    await body(chroot);
  } finally {
    await Deno.remove(chroot, { recursive: true });
  }
}

const encodedLength = (text: string) => new TextEncoder().encode(text).length;

async function textOf(file: PlainFile): Promise<string> {
  const buffer = new Uint8Array(5);
  let text = "";
  const decoder = new TextDecoder();
  for (let bytes = await file.read(buffer); bytes !== null; bytes = await file.read(buffer)) {
    text += decoder.decode(buffer.subarray(0, bytes), { stream: true });
  }
  return text;
}

/** Takes an upload, which must be gone from its folder, and readable. */
async function taken(path: string, chroot: string | undefined, uploads: string): Promise<string> {
  const { file, length } = await new UploadFolder({ chroot, uploads }).take(path);
  using _ = file;
  const text = await textOf(file);
  assertEquals(encodedLength(text), length);
  return text;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}

for (
  const [path, uploads] of [["/tmp/m2.a", "/tmp"], ["tmp/m2.a", "tmp/"], ["/tmp/./m2.a", "./tmp"]]
) {
  Deno.test(`the upload ${path} is taken out of ${uploads}, within the chroot folder`, () =>
    withFolder(async (chroot) => {
      assertEquals(await taken(path, chroot, uploads), "the upload");
      assertEquals(await exists(`${chroot}/tmp/m2.a`), false);
      assertEquals(await exists(`${chroot}/tmp/m2.b`), true);
    }));
}

Deno.test("an upload is taken out of a folder without chroot", () =>
  withFolder(async (chroot) => {
    assertEquals(await taken(`${chroot}/tmp/m2.a`, undefined, `${chroot}/tmp`), "the upload");
    assertEquals(await exists(`${chroot}/tmp/m2.a`), false);
  }));

Deno.test("an empty upload has no bytes", () =>
  withFolder(async (chroot) => assertEquals(await taken("/tmp/m2.b", chroot, "/tmp"), "")));

Deno.test("an upload may have any name", () =>
  withFolder(async (chroot) => {
    for (const name of ["ä€", "a b", "..x", "-", "m2.\n", "C:\\x"]) {
      await Deno.writeTextFile(`${chroot}/tmp/${name}`, name);
      assertEquals(await taken(`/tmp/${name}`, chroot, "/tmp"), name);
    }
  }));

Deno.test("the folders may be named by symbolic links", () =>
  withFolder(async (chroot) => {
    await Deno.symlink(chroot, `${chroot}/tmp-other/root`);
    await Deno.symlink("tmp", `${chroot}/uploads`);
    assertEquals(await taken("/tmp/m2.a", `${chroot}/tmp-other/root`, "/uploads"), "the upload");
  }));

Deno.test("an upload is refused where no folder is named, and stays", () =>
  withFolder(async (chroot) => {
    const folder = new UploadFolder({ chroot });
    const error = await assertRejects(
      () => folder.take("/tmp/m2.a"),
      ProtocolError,
      ",uploads=DIR",
    );
    assertEquals(error.status, 500);
    assertEquals(await exists(`${chroot}/tmp/m2.a`), true);
  }));

async function makePipe(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
}

/** Paths that are refused as forged, and others that cannot be read, with what is told. */
const refused: Record<string, [string, number, string]> = {
  "a file outside": ["/secret", 400, "not a file in the folder"],
  "a file outside, by way of the folder": ["/tmp/../secret", 400, "not a file in the folder"],
  "a file outside the chroot folder": [
    "../../../../../../../../etc/passwd",
    400,
    "not a file in the folder",
  ],
  "a file in a folder of a similar name": ["/tmp-other/m2.a", 400, "not a file in the folder"],
  "a file deeper in the folder": ["/tmp/folder/m2.a", 400, "not a file in the folder"],
  "a folder within": ["/tmp/folder", 400, "not a file in the folder"],
  "the folder itself": ["/tmp", 400, "not a file in the folder"],
  "the folder itself, in another way": ["/tmp/folder/..", 400, "not a file in the folder"],
  "an empty path": ["", 400, "not a file in the folder"],
  "a link to a file outside": ["/tmp/link-out", 400, "not a file in the folder"],
  "a link to a device": ["/tmp/link-device", 400, "not a file in the folder"],
  "a link to nothing": ["/tmp/link-nothing", 400, "not a file in the folder"],
  "a link to itself": ["/tmp/link-loop", 400, "not a file in the folder"],
  "a link to an upload": ["/tmp/link-upload", 400, "not a file in the folder"],
  "another name of a file outside": ["/tmp/hard-link", 400, "not a file in the folder"],
  "a pipe": ["/tmp/pipe", 400, "not a file in the folder"],
  "a file that is gone": ["/tmp/m2.gone", 500, "cannot be read"],
  "a file that is taken for a folder": ["/tmp/m2.a/", 400, "not a file in the folder"],
  "a path with a null character": ["/tmp/m2.a\0", 500, "cannot be read"],
};
for (const [what, [path, status, told]] of Object.entries(refused)) {
  Deno.test(`an upload that is ${what} is refused with ${status}, and nothing removed`, () =>
    withFolder(async (chroot) => {
      await Deno.symlink("../secret", `${chroot}/tmp/link-out`);
      await Deno.symlink("/dev/null", `${chroot}/tmp/link-device`);
      await Deno.symlink("nothing", `${chroot}/tmp/link-nothing`);
      await Deno.symlink("link-loop", `${chroot}/tmp/link-loop`);
      await Deno.symlink("m2.a", `${chroot}/tmp/link-upload`);
      await Deno.link(`${chroot}/secret`, `${chroot}/tmp/hard-link`);
      await makePipe(`${chroot}/tmp/pipe`);
      const folder = new UploadFolder({ chroot, uploads: "/tmp" });
      const error = await assertRejects(() => folder.take(path), ProtocolError, told);
      assertEquals(error.status, status);
      assert(error.message.includes(JSON.stringify(path)));
      for (
        const name of [
          "secret",
          "tmp/m2.a",
          "tmp/m2.b",
          "tmp/folder/m2.a",
          "tmp-other/m2.a",
          "tmp/link-out",
        ]
      ) {
        assertEquals([name, await exists(`${chroot}/${name}`)], [name, true]);
      }
    }));
}

Deno.test("an upload cannot be taken twice", () =>
  withFolder(async (chroot) => {
    const folder = new UploadFolder({ chroot, uploads: "/tmp" });
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () => folder.take("/tmp/m2.a")),
    );
    const files = attempts.flatMap((each) => each.status === "fulfilled" ? [each.value.file] : []);
    for (const file of files) file.close();
    assertEquals(files.length, 1);
    for (const each of attempts) {
      if (each.status === "rejected") {
        assertEquals([each.reason.name, each.reason.status], ["ProtocolError", 500]);
      }
    }
  }));

Deno.test("an upload is refused while its folder is not there", () =>
  withFolder(async (chroot) => {
    const folder = new UploadFolder({ chroot, uploads: "/later" });
    const error = await assertRejects(() => folder.take("/later/m2.a"), ProtocolError);
    assertEquals(error.status, 500);
    await Deno.rename(`${chroot}/tmp`, `${chroot}/later`);
    const { file } = await folder.take("/later/m2.a");
    assertEquals(await textOf(file), "the upload");
    file.close();
  }));

/** What somebody who may write in the folder puts in the place of an upload. */
const EXCHANGES: Record<string, (chroot: string) => Promise<void>> = {
  async "a link to a file outside"(chroot) {
    await Deno.symlink("../secret", `${chroot}/tmp/new`);
    await Deno.rename(`${chroot}/tmp/new`, `${chroot}/tmp/m2.a`);
  },
  async "a file outside by another name"(chroot) {
    await Deno.link(`${chroot}/secret`, `${chroot}/tmp/new`);
    await Deno.rename(`${chroot}/tmp/new`, `${chroot}/tmp/m2.a`);
  },
  async "a pipe"(chroot) {
    await makePipe(`${chroot}/tmp/new`);
    await Deno.rename(`${chroot}/tmp/new`, `${chroot}/tmp/m2.a`);
  },
  async "a folder, by a link to one outside with a file of that name"(chroot) {
    await Deno.rename(`${chroot}/tmp`, `${chroot}/tmp-before`);
    await Deno.symlink("tmp-other", `${chroot}/tmp`);
  },
};

for (const [what, exchange] of Object.entries(EXCHANGES)) {
  Deno.test(`an upload that is exchanged for ${what} at any moment is never read from there`, async () => {
    // The calls of the file system that there are in between, one after the other.
    for (let calls = 0; calls < 12; calls++) {
      await withFolder(async (chroot) => {
        const folder = new UploadFolder({ chroot, uploads: "/tmp" });
        (await folder.take("/tmp/m2.b")).file.close();
        const taking = folder.take("/tmp/m2.a").then(({ file }) => file, (error) => error);
        for (let call = 0; call < calls; call++) await Deno.lstat(chroot);
        await exchange(chroot).catch(() => {});
        const file = await taking;
        if (file instanceof Error) {
          assert(file instanceof ProtocolError, `${file}`);
        } else {
          assertEquals(await textOf(file), "the upload");
          file.close();
        }
        assertEquals(await Deno.readTextFile(`${chroot}/secret`), "secret");
        assertEquals(await Deno.readTextFile(`${chroot}/tmp-other/m2.a`), "beside");
      });
    }
  });
}
