import { hostileTests } from "../hostile/table.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) {
  hostileTests({ name: "executable", command: [executable], args: [], loaderArgs: [] });
}
