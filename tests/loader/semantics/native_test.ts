import { NATIVE_LEG, semanticsTests } from "./runner.ts";

semanticsTests(NATIVE_LEG);
