/** What is used of `acorn`, and of what its plugins use. */

export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

export interface Literal extends Node {
  readonly value: unknown;
}

export interface TemplateLiteral extends Node {
  readonly expressions: readonly Node[];
  readonly quasis: readonly { readonly value: { readonly cooked: string } }[];
}

export interface Call extends Node {
  readonly callee: Node;
  readonly arguments: readonly Node[];
}

export interface ImportExpression extends Node {
  readonly source: Node;
  readonly options?: Node | null;
}

/** A statement that may name a module: an import or an export. */
export interface Statement extends Node {
  readonly source?: Literal | null;
  readonly attributes?: readonly Node[];
}

export interface Options {
  readonly ecmaVersion: "latest";
  readonly sourceType: "module" | "commonjs";
}

/** What kind of token it is. */
export interface TokenType {
  readonly label: string;
  /** Of a word of the language. */
  readonly keyword?: string;
  /** Whether an operand follows. */
  readonly beforeExpr?: boolean;
}

export class Parser {
  /** The kind of the token that was read last. */
  readonly type: TokenType;
  /** Where that one begins. */
  readonly start: number;
  /** Where the one before it ends. */
  readonly lastTokEnd: number;
  constructor(options: Options, input: string);
  parse(): { readonly body: readonly Statement[] };
  finishNode<T extends Node>(node: T, type: string): T;
  updateContext(before: TokenType): void;
  declareName(name: string, bindingType: number, at: number): void;
  checkLocalExport(id: Node): void;
  validateRegExpPattern(state: unknown): void;
}
