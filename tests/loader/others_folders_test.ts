/** Files that another user of the machine puts above an app. */

import { foldersUpwards, isWritableByOthers } from "../../src/base/folders.ts";
import { workspaceRootOf } from "../../src/base/workspaces.ts";
import { findConfig } from "../../src/loader/project/deno_config.ts";
import { findPackageJson } from "../../src/loader/project/package_json.ts";
import { assertEquals } from "../support/assert.ts";
import { inFolder } from "../support/processes.ts";

const ignore = Deno.build.os === "windows";
const WORKSPACE = '{ "workspace": ["./open/app"], "imports": { "a": "data:text/javascript," } }';

/** Calls `body` with the app's folder: the one above it can be written to by everybody, if it is `open`. */
function withApp(
  name: "open" | "closed",
  body: (app: string, top: string) => void,
  own: Record<string, string> = {},
): Promise<void> {
  const files = {
    "deno.json": WORKSPACE.replaceAll("open", name),
    "package.json": "{}",
    [`${name}/deno.json`]: '{ "workspace": ["./app"] }',
    [`${name}/package.json`]: "{}",
    [`${name}/app/app.ts`]: "",
    ...own,
  };
  return inFolder(files, (top) => {
    if (name === "open") Deno.chmodSync(`${top}/open`, 0o777);
    body(`${top}/${name}/app`, top);
  });
}

Deno.test({
  name: "what is in a folder that everybody can write to says nothing about an app below it",
  ignore,
  fn: () =>
    withApp("open", (app, top) => {
      assertEquals(isWritableByOthers(`${top}/open`), true);
      assertEquals([...foldersUpwards(app)], [app]);
      assertEquals(findConfig(app), null);
      assertEquals(findPackageJson(app, null), null);
      assertEquals(workspaceRootOf(app), null);
      // The app's own folder is what its owner made it.
      assertEquals(findConfig(`${top}/open`), `${top}/open/deno.json`);
    }),
});

Deno.test({
  name: "what is in other folders above an app is the app's",
  ignore,
  fn: () =>
    withApp("closed", (app, top) => {
      assertEquals([...foldersUpwards(app)].slice(0, 3), [app, `${top}/closed`, top]);
      assertEquals(findConfig(app), `${top}/closed/deno.json`);
      assertEquals(findPackageJson(app, null), `${top}/closed/package.json`);
      assertEquals(workspaceRootOf(app), `${top}/closed`);
    }),
});
