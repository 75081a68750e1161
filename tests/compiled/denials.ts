import { denialTests } from "../sandbox/denials_cases.ts";
import { executable } from "./executable_path.ts";

denialTests(executable === null ? null : [executable], "(executable)");
