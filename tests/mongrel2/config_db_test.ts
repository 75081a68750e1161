import { DatabaseSync } from "node:sqlite";
import { specFromConfig } from "../../src/mongrel2/config_db.ts";
import type { HandlerChoice } from "../../src/mongrel2/codec/spec.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { runGateway } from "../support/gateway.ts";

const folder = await Deno.makeTempDir();
const path = `${folder}/config.sqlite`;
const database = new DatabaseSync(path);
database.exec(`
  CREATE TABLE server (id INTEGER PRIMARY KEY, uuid, name, chroot);
  CREATE TABLE host (id INTEGER PRIMARY KEY, server_id, name, matching);
  CREATE TABLE handler (id INTEGER PRIMARY KEY, send_spec, recv_spec);
  CREATE TABLE route (id INTEGER PRIMARY KEY, path, host_id, target_id, target_type);
  CREATE TABLE setting (id INTEGER PRIMARY KEY, key, value);
  INSERT INTO server VALUES (1, 'uuid-1', 'one', '/var/www'), (2, 'uuid-2', 'two', './');
  INSERT INTO host VALUES (1, 1, 'a', 'a.example'), (2, 2, 'b', 'b.example');
  INSERT INTO handler VALUES (1, 'tcp://127.0.0.1:9001', 'tcp://127.0.0.1:9000'),
    (2, 'tcp://*:9003', 'tcp://0.0.0.0:9002'), (3, 'ipc://run/send', 'ipc:///run/recv'),
    (4, 'tcp://127.0.0.1:9005', 'tcp://127.0.0.1:9004');
  INSERT INTO route VALUES (1, '/app/', 1, 1, 'handler'), (2, '/api/', 1, 2, 'handler'),
    (3, '/', 2, 2, 'handler'), (4, '/ipc/', 2, 3, 'handler'), (5, '/files/', 1, 1, 'dir'),
    (6, '/more/', 1, 1, 'handler');
  INSERT INTO setting VALUES (1, 'upload.temp_store', '/uploads/m2.XXXXXX');
`);
database.close();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const found: [HandlerChoice, string, string, string | undefined][] = [
  [{ handlerId: 1 }, "tcp://127.0.0.1:9001", "tcp://127.0.0.1:9000", "/var/www"],
  [{ route: "/app/" }, "tcp://127.0.0.1:9001", "tcp://127.0.0.1:9000", "/var/www"],
  [{ handlerId: 2, server: "one" }, "tcp://127.0.0.1:9003", "tcp://127.0.0.1:9002", "/var/www"],
  [{ route: "/", host: "b" }, "tcp://127.0.0.1:9003", "tcp://127.0.0.1:9002", folder],
  [{ host: "b.example", route: "/ipc/" }, `ipc://${folder}/run/send`, "ipc:///run/recv", folder],
  [
    { server: "uuid-1", route: "/api/" },
    "tcp://127.0.0.1:9003",
    "tcp://127.0.0.1:9002",
    "/var/www",
  ],
  [{ handlerId: 4 }, "tcp://127.0.0.1:9005", "tcp://127.0.0.1:9004", undefined],
];
for (const [choice, send, recv, chroot] of found) {
  Deno.test(`a handler is found by ${JSON.stringify(choice)}`, () => {
    const spec = specFromConfig(path, choice);
    assertEquals([spec.send, spec.recv], [send, recv]);
    assertEquals(spec.chroot?.replace(/\/$/, ""), chroot);
    assertEquals(spec.uploads, "/uploads");
  });
}

const refused: [HandlerChoice, string[]][] = [
  [{}, ["several handlers", "handler 1:", "handler 2:", "handler 3:", "handler 4:"]],
  [{ handlerId: 2 }, ["several handlers", "server one", "server two"]],
  [{ server: "two" }, ["several handlers", "handler 2:", "handler 3:"]],
  [{ route: "/nowhere" }, ["no handler", "handler 1:", "route /app/"]],
  [{ route: "/files/" }, ["no handler"]],
];
for (const [choice, parts] of refused) {
  Deno.test(`the error for ${JSON.stringify(choice)} lists what there is`, () => {
    const error = assertThrows(() => specFromConfig(path, choice), ConfigError);
    for (const part of parts) assert(error.message.includes(part), error.message);
  });
}

Deno.test("a file that is no configuration is told by its name", () => {
  for (const file of ["/nowhere.sqlite", `${folder}/empty.sqlite`, `${folder}/text.sqlite`]) {
    if (file.includes("empty")) Deno.writeTextFileSync(file, "");
    if (file.includes("text")) Deno.writeTextFileSync(file, "no database at all, but some text");
    const error = assertThrows(() => specFromConfig(file, {}), ConfigError);
    assert(error.message.startsWith(`${file} cannot be read`), error.message);
  }
});

Deno.test("the command tells what is wrong with the choice of a handler, and exits 2", async () => {
  const app = new URL("../fixtures/app.ts", import.meta.url).pathname;
  const { code, stderr } = await runGateway([app, "--mongrel2-config", path]);
  assertEquals(code, 2);
  assert(stderr.startsWith("gatehouse: several handlers"), stderr);
});
