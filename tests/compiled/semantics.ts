import { executableLeg } from "../loader/semantics/launcher.ts";
import { semanticsTests } from "../loader/semantics/runner.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) semanticsTests(executableLeg(executable));
