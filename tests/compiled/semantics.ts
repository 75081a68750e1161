import { executableLeg, semanticsTests } from "../loader/semantics/runner.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) semanticsTests(executableLeg(executable));
