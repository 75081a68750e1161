import { assertEquals } from "../support/assert.ts";
import { withPermissionHints } from "../../src/sandbox/permission_hint.ts";

const hints: [string, string][] = [
  [
    'NotCapable: Requires read access to "/a,b", run again with the --allow-read flag\n    at x',
    'NotCapable: Requires read access to "/a,b": permit it with --app-allow-read=/a,,b\n    at x',
  ],
  [
    'Requires net access to "a:1", run again with the --allow-net flag',
    'Requires net access to "a:1": permit it with --app-allow-net=a:1',
  ],
  [
    "Requires env access, run again with the --allow-env flag",
    "Requires env access: permit it with --app-allow-env",
  ],
  [
    'TypeError: Requires import access to "esm.sh:443", run again with the --allow-import flag\n at',
    'TypeError: Requires import access to "esm.sh:443": permit it with --app-allow-import=esm.sh:443\n at',
  ],
  [
    'Requires read access to "/a", specify the required permissions during compilation using ' +
    "`deno compile --allow-read`",
    'Requires read access to "/a": permit it with --app-allow-read=/a',
  ],
  [
    "Requires write access to <TMP>, run again with the --allow-write flag",
    "Requires write access to the folder for temporary files: permit it with --app-allow-write=${TMPDIR:-/tmp}",
  ],
  ["Error: something else", "Error: something else"],
  [
    "Requires run access: the process is the gateway's",
    "Requires run access: the process is the gateway's",
  ],
];
for (const [text, hinted] of hints) {
  Deno.test(`a denial is told with the option that permits: ${JSON.stringify(text)}`, () => {
    assertEquals(withPermissionHints(text), hinted);
  });
}
