import { packageTests } from "./runner.ts";

packageTests("from source");
