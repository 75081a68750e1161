import { formTests } from "../worker/forms_cases.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) formTests("executable", [executable]);
