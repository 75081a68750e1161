/**
 * What TypeScript has and does not declare, and what stands for the methods of its nodes and the text of its
 * identifiers: these are not in the executable, as they come with what editors are served with.
 *
 * @module
 */

import ts from "typescript";

interface Internals {
  getTokenPosOfNode(node: ts.Node, file: ts.SourceFile): number;
}

const { getTokenPosOfNode } = ts as unknown as Internals;

/** Where `node` begins, after comments and white space. */
export function startOf(node: ts.Node, file: ts.SourceFile): number {
  return getTokenPosOfNode(node, file);
}

/** A name as it is meant: without escapes and quotes. */
export function nameText(name: ts.Identifier | ts.StringLiteral): string {
  return ts.isIdentifier(name) ? ts.idText(name) : name.text;
}

/** What the parser could not read, in order. */
export function parseFaultsOf(file: ts.SourceFile): readonly ts.DiagnosticWithLocation[] {
  const { parseDiagnostics } = file as unknown as {
    readonly parseDiagnostics?: readonly ts.DiagnosticWithLocation[];
  };
  return parseDiagnostics ?? [];
}
