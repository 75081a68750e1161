import { defineUnstableTests } from "../sandbox/unstable_cases.ts";
import { executable } from "./executable_path.ts";

defineUnstableTests(executable === null ? null : [executable], "(executable)");
