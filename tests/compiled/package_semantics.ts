import { packageTests } from "../loader/package_semantics/runner.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) packageTests("executable", [executable]);
