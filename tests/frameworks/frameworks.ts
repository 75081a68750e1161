/**
 * Builds projects of frameworks, serves each build, and clicks through it: `deno task test:frameworks`. It
 * takes npm, the network and Chromium. `FRAMEWORKS_FOLDER` is where the builds stay for the next time; with
 * `GATEHOUSE_TEST_EXECUTABLE`, the path of an executable, that serves them.
 */

import { assertEquals } from "../support/assert.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import { startGateway } from "../support/gateway.ts";
import { Browser, hasBrowser } from "../support/browser.ts";
import type { Project } from "./projects.ts";
import { PROJECTS } from "./projects.ts";

const kept = Deno.env.get("FRAMEWORKS_FOLDER");
const executable = Deno.env.get("GATEHOUSE_TEST_EXECUTABLE");

for (const [name, project] of Object.entries(PROJECTS)) {
  Deno.test({
    name: `a build of ${name} is served, hydrated, and answers forms and calls`,
    ignore: !await hasBrowser(),
    async fn() {
      const root = kept ?? await Deno.makeTempDir();
      try {
        const folder = `${root}/${name.toLowerCase().replaceAll(" ", "-")}`;
        await build(project, folder);
        await visit(project, folder);
      } finally {
        if (kept === undefined) await Deno.remove(root, { recursive: true });
      }
    },
  });
}

async function build({ packages, files, build }: Project, folder: string): Promise<void> {
  const description = {
    private: true,
    type: "module",
    scripts: { build },
    // What needs a newer Node than there is brings one along.
    dependencies: hasNewNode() ? packages : { ...packages, node: "24.21.0" },
  };
  const all = { "package.json": JSON.stringify(description, null, 2), ...files };
  const stamp = `${folder}/built.json`;
  const wanted = JSON.stringify(all);
  if (await Deno.readTextFile(stamp).catch(() => "") === wanted) return;
  for (const [path, text] of Object.entries(all)) {
    const target = `${folder}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(target, text);
  }
  await npm(folder, "install", "--no-audit", "--no-fund");
  await npm(folder, "run", "build");
  await Deno.writeTextFile(stamp, wanted);
}

function hasNewNode(): boolean {
  const { stdout } = new Deno.Command("node", { args: ["--version"] }).outputSync();
  const [major, minor] = new TextDecoder().decode(stdout).slice(1).split(".").map(Number);
  return major > 22 || major === 22 && minor >= 22;
}

async function npm(folder: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command("npm", {
    args,
    cwd: folder,
    env: { CI: "1", ASTRO_TELEMETRY_DISABLED: "1" },
    stdin: "null",
  }).output();
  if (code === 0) return;
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  throw new Error(`npm ${args.join(" ")} ended with ${code}:\n${said}`);
}

async function visit(
  { args: [app, ...args], tls, clicks }: Project,
  folder: string,
): Promise<void> {
  const certificate = tls ? await makeOwnCertificate(folder) : null;
  const endpoint = certificate === null ? ["--http", "127.0.0.1:0"] : [
    "--https",
    "127.0.0.1:0",
    "--cert",
    certificate.certFile,
    "--key",
    certificate.keyFile,
  ];
  await using gateway = await startGateway([`${folder}/${app}`, ...args, ...endpoint], {
    ...executable === undefined ? {} : { command: [executable] },
    env: { GATEHOUSE_CACHE: `${folder}/.gatehouse` },
  });
  const origin = `http${tls ? "s" : ""}://127.0.0.1:${gateway.port}`;
  const client = certificate === null
    ? Deno.createHttpClient({})
    : Deno.createHttpClient({ caCerts: [certificate.cert] });
  const file = await fetch(`${origin}/robots.txt`, { client });
  assertEquals([file.status, await file.text()], [200, "robots of the project"]);
  client.close();
  await using browser = await Browser.start();
  const page = await browser.open(`${origin}/`);
  for (const [act, shows] of clicks) await page.until(shows, act);
  // Nobody was denied anything, and nothing broke. What apps print of a browser's wishes is theirs.
  const served = gateway.log.slice(gateway.log.indexOf("ready") + 1);
  assertEquals(served.filter((line) => /^(?:error|warning): |--app-allow-/.test(line)), []);
}
