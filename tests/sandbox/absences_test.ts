import { FROM_SOURCE } from "../support/gateway.ts";
import { absenceTests } from "./absences.ts";

absenceTests({ name: "from source", command: FROM_SOURCE });
