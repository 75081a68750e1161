/** Serves by the library, and changes the surroundings of the process then. */

import { FastCgiServer, serve } from "../../mod.ts";

const [folder] = Deno.args;
Deno.chdir(folder);
const app = () => new Response("here");
const server = await serve({ http: "unix:http.sock", app });
Deno.chdir("/");
Deno.env.set("TMPDIR", "/nowhere");
const client = Deno.createHttpClient({
  proxy: { transport: "unix", path: `${folder}/http.sock` },
});
console.log(await (await fetch("http://localhost/", { client })).text());
client.close();
await server.shutdown();
console.log([...Deno.readDirSync(folder)].map(({ name }) => name).join());

Deno.chdir(folder);
const fastcgi = await FastCgiServer.listen("unix:fastcgi.sock", () => {});
console.log(Deno.statSync(`${folder}/fastcgi.sock`).isSocket);
Deno.chdir("/");
await fastcgi.shutdown();
console.log([...Deno.readDirSync(folder)].map(({ name }) => name).join());
