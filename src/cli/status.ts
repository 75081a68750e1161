/**
 * `gatehouse status`: shows how a Mongrel2 server does.
 *
 * @module
 */

import type { ControlTable } from "../mongrel2/control.ts";
import { inOneLine, print } from "../base/log.ts";
import { askControlPort } from "../mongrel2/control.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { openLibzmq } from "../zmq/library.ts";

const TIMEOUT_MS = 3_000;

/** Prints what the control port at `endpoint` tells: the server, its connections, its tasks. */
export async function statusCommand(
  endpoint: string,
  surroundings: Surroundings,
): Promise<void> {
  openLibzmq(surroundings);
  const questions: [string, string, Record<string, string>][] = [
    ["Server", "info", {}],
    ["Connections", "status", { what: "net" }],
    ["Tasks", "status", { what: "tasks" }],
  ];
  for (const [title, command, args] of questions) {
    print(
      `${title}:\n${formatTable(await askControlPort(endpoint, command, args, TIMEOUT_MS))}`,
    );
  }
}

function formatTable({ headers, rows }: ControlTable): string {
  if (rows.length === 0) return "  (none)\n";
  const lines = [headers, ...rows].map((line) => line.map(inOneLine));
  const widths = headers.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length))
  );
  return lines.map((line) =>
    `  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()}\n`
  ).join("");
}
