import { escapeTests } from "../sandbox/escapes.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) {
  escapeTests({
    name: "executable",
    command: [executable],
    args: [],
    refusals:
      /the app may not|may not come from|remote modules cannot import|gatehouse's executable|no such module/,
  });
}
