import { absenceTests } from "../sandbox/absences.ts";
import { childProcessTests } from "../sandbox/child_processes.ts";
import { descriptorTests } from "../sandbox/descriptors.ts";
import { escapeTests } from "../sandbox/escapes.ts";
import { fatalCallTests } from "../sandbox/fatal_calls.ts";
import { importTests } from "../sandbox/imports.ts";
import { portTests } from "../sandbox/ports.ts";
import { sharedStateTests } from "../sandbox/shared_state.ts";
import { threadTests } from "../sandbox/thread_escapes.ts";
import { nodeServingTests } from "../worker/node_serving.ts";
import { servingTests } from "../worker/self_serving.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) {
  const command = [executable];
  descriptorTests({ name: "executable", command, args: [] });
  portTests({ name: "executable", command, args: [] });
  absenceTests({ name: "executable", command });
  importTests({ name: "executable", command, args: [] });
  threadTests({ name: "executable", command });
  childProcessTests({ name: "executable", command });
  fatalCallTests({ name: "executable", command, args: [] });
  sharedStateTests({ name: "executable", command, args: [] });
  servingTests({ name: "executable", command, args: ["--workers=2"] });
  nodeServingTests({ name: "executable", command, args: ["--workers=1"] });
  const args = ["--app-allow-read"];
  portTests({ name: "executable, all files readable", command, args });
  descriptorTests({ name: "executable, all files readable", command, args });
  escapeTests({
    name: "executable",
    command: [executable],
    args: [],
    refusals:
      /the app may not|may not come from|remote modules cannot import|gatehouse's executable|no such module/,
  });
}
