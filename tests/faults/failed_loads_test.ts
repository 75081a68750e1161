/**
 * Workers that fail to load again and again. Told: each time, why. Lost: nothing, over any protocol.
 * By itself: what the workers took is given back, and the next version that can be loaded serves.
 */
import { assert, assertEquals } from "../support/assert.ts";
import { residentBytes } from "../support/peers.ts";
import { inFolder, until } from "../support/processes.ts";
import { ThreeProtocols } from "./three_protocols.ts";

const LOADS = 36;
/** A worker takes one thread at least, and 13 MB: this is much less than so many of them. */
const OTHER_THREADS = 14;
const OTHER_BYTES = 180_000_000;

/** Ways to fail; what is loaded is another version each time. */
const ways: readonly string[] = [
  "throw new Error('on purpose');",
  "export default = ;",
  "export const other = 1;",
  "import './nowhere.js'; export default () => new Response();",
  "self.close(); await new Promise(() => {});",
  "Deno.exit(1);",
  "setInterval(() => {}, 10); throw new Error('on purpose');",
  "Deno.listen({ port: 0 }).accept(); throw new Error('on purpose');",
  "queueMicrotask(() => { throw new Error('on purpose'); }); await new Promise(() => {});",
];

function threads(pid: number): number {
  return Number(/^Threads:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

for (const loader of ["native", "own"]) {
  Deno.test({
    name: `${LOADS} failed loads are told, and leave nothing behind (${loader} loader)`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      inFolder({ "app.js": "export default () => new Response('first');" }, async (folder) => {
        const app = `${folder}/app.js`;
        await using lab = await ThreeProtocols.start(
          [app, "--workers=1", `--loader=${loader}`, "--app-allow-all"],
          { env: { GATEHOUSE_CACHE: `${folder}/cache` } },
        );
        const { gateway, protocols } = lab;
        const { pid } = gateway;
        const failures = () =>
          gateway.log.filter((line) => line === "generation 1 goes on serving").length;
        const bodies = async () => (await lab.askAll()).map(({ body }) => body);
        const [threadsBefore, bytesBefore] = [threads(pid), residentBytes(pid)];
        for (let load = 0; load < LOADS; load++) {
          await Deno.writeTextFile(app, `${ways[load % ways.length]}\n// ${load}`);
          gateway.kill("SIGHUP");
          await until(() => failures() === load + 1, 60_000);
          if (load % ways.length === 0) {
            assertEquals(await bodies(), protocols.map(() => "first"));
          }
        }
        const more = threads(pid) - threadsBefore;
        const moreBytes = residentBytes(pid) - bytesBefore;
        assert(more < OTHER_THREADS, `${more} more threads after ${LOADS} failed loads`);
        assert(moreBytes < OTHER_BYTES, `${moreBytes} more bytes after ${LOADS} failed loads`);
        assert(gateway.log.filter((line) => line.startsWith("error: ")).length >= LOADS);

        await Deno.writeTextFile(app, "export default () => new Response('next');");
        gateway.kill("SIGHUP");
        await gateway.logged(new RegExp(`^generation ${LOADS + 2} serves$`));
        assertEquals(await bodies(), protocols.map(() => "next"));
      }),
  });
}
