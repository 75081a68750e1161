import { NATIVE_LEG } from "./launcher.ts";
import { semanticsTests } from "./runner.ts";

semanticsTests(NATIVE_LEG);
