/** Spools a body in one folder, while TMPDIR names another one, and says what is read and left of it. */

import { Spool } from "../../src/fastcgi/spool.ts";

const [folder, tmpdir] = Deno.args;
Deno.env.set("TMPDIR", tmpdir);
using spool = new Spool(folder, (reason) => {
  throw new Error(reason);
});
const chunk = new Uint8Array(300_000).fill(7);
spool.push(chunk);
spool.push(chunk);
let length = 0;
while (spool.length > 0) {
  const bytes = spool.shift(65_536);
  if (!bytes.every((byte) => byte === 7)) throw new Error("the bytes are other ones");
  length += bytes.length;
}
console.log(length, [...Deno.readDirSync(folder)].length);
