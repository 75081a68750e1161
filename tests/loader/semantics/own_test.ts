import { OWN_LEG } from "./launcher.ts";
import { semanticsTests } from "./runner.ts";

semanticsTests(OWN_LEG);
