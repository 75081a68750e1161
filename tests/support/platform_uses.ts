/**
 * Finds what modules use of the platform while they run: the globals that they name in functions, and
 * the methods and accessors that they look up on the platform's prototypes.
 */
import ts from "typescript";
import { fileURLToPath } from "node:url";

/** A use of the platform. */
export interface PlatformUse {
  /** Where it is: `src/….ts:LINE`. */
  readonly place: string;
  /** What is used. */
  readonly what: string;
}

/** Bindings of the global scope that nobody can change. */
const CONSTANT = new Set(["undefined", "NaN", "Infinity"]);

/** Properties that apps may well see looked up, most of them objects' own. */
const OPEN_PROPERTIES = new Set([
  "Array.length",
  "Error.message",
  "MessageChannel.port1",
  "MessageChannel.port2",
  "MessageEvent.data",
  "MessageEvent.ports",
  "PropertyDescriptor.get",
  "PropertyDescriptor.set",
  "ReadonlyArray.length",
  "String.length",
  "WorkerOptions.type",
]);

/** Functions and classes of a module that are something special; methods are named `Class.method`. */
export interface Exceptions {
  /** Functions that are called before there is any app. Those that they make count. */
  readonly setUp?: readonly string[];
  /** Functions and classes that only threads without apps use, or for what is the apps' own. */
  readonly elsewhere?: readonly string[];
}

/** A set of modules, understood well enough to tell what in them is the platform's. */
export class ModuleSet {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;
  readonly #root: string;

  /** Reads the modules that `entries`, paths below `root`, import. */
  constructor(root: URL, entries: readonly string[]) {
    this.#root = fileURLToPath(root);
    this.#program = ts.createProgram(entries.map((entry) => this.#root + entry), {
      allowImportingTsExtensions: true,
      noEmit: true,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      target: ts.ScriptTarget.ESNext,
      lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
      types: [],
      strict: true,
      skipLibCheck: true,
    });
    this.#checker = this.#program.getTypeChecker();
  }

  /** Paths of the modules that are loaded with `entry`, itself included: not those for their types alone. */
  loadedBy(entry: string): string[] {
    const found = new Set<string>();
    const visit = (path: string) => {
      if (found.has(path)) return;
      found.add(path);
      for (const statement of this.#source(path).statements) {
        const specifier = valueImportOf(statement);
        if (specifier === null || !specifier.startsWith(".")) continue;
        visit(new URL(specifier, `file:///${path}`).pathname.slice(1));
      }
    };
    visit(entry);
    return [...found].sort();
  }

  /**
   * Globals that functions of the module at `path` name. What is done while the module is loaded does
   * not count.
   */
  freeGlobals(path: string, exceptions: Exceptions = {}): PlatformUse[] {
    const uses: PlatformUse[] = [];
    this.#visitDeferred(path, exceptions, (node) => {
      if (!ts.isIdentifier(node) || CONSTANT.has(node.text) || !isReference(node)) return;
      const symbol = this.#checker.getSymbolAtLocation(node);
      if (symbol === undefined || this.#isPlatforms(symbol)) {
        uses.push(this.#use(node, node.text));
      }
    });
    return uses;
  }

  /**
   * What functions of the module at `path` look up on prototypes that are the platform's, or that nobody
   * knows: methods that they call, accessors, the iterators of `for … of` and its like, and what `instanceof` asks.
   */
  prototypeUses(path: string, exceptions: Exceptions = {}): PlatformUse[] {
    const uses: PlatformUse[] = [];
    this.#visitDeferred(path, exceptions, (node) => {
      const what = isIteration(node)
        ? "an iterator"
        : isInstanceTest(node)
        ? "instanceof"
        : this.#lookedUp(node);
      if (what !== null) uses.push(this.#use(node, what));
    });
    return uses;
  }

  /** The property of the platform's, or of an unknown object, that `node` gets. */
  #lookedUp(node: ts.Node): string | null {
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      const name = node.propertyName ?? node.name;
      if (node.dotDotDotToken !== undefined || !ts.isIdentifier(name)) return null;
      const symbol = this.#checker.getTypeAtLocation(node.parent).getProperty(name.text);
      return symbol === undefined ? null : this.#platformProperty(symbol);
    }
    if (ts.isCallExpression(node) && ts.isElementAccessExpression(node.expression)) {
      return "a method of a computed name";
    }
    if (!ts.isPropertyAccessExpression(node) || isAssigned(node)) return null;
    const { name } = node;
    if (ts.isPrivateIdentifier(name)) return null;
    const isCalled = ts.isCallExpression(node.parent) && node.parent.expression === node;
    const symbol = this.#checker.getSymbolAtLocation(name);
    if (symbol === undefined) return isCalled ? `${name.text}() of something unknown` : null;
    const property = this.#platformProperty(symbol);
    return property !== null && isCalled ? `${property}()` : property;
  }

  #platformProperty(symbol: ts.Symbol): string | null {
    if (!this.#isPlatforms(symbol)) return null;
    const property = `${ownerOf(symbol)}.${symbol.name}`;
    return OPEN_PROPERTIES.has(property) ? null : property;
  }

  #visitDeferred(
    path: string,
    { setUp = [], elsewhere = [] }: Exceptions,
    onNode: (node: ts.Node) => void,
  ): void {
    const visit = (node: ts.Node, isDeferred: boolean) => {
      if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return;
      if (ts.isImportDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
      if (elsewhere.includes(nameOf(node))) return;
      if (isDeferred) onNode(node);
      const within = isDeferred || (isDeferring(node) && !setUp.includes(nameOf(node)));
      ts.forEachChild(node, (child) => {
        // Computed names of members are known when their class is.
        visit(child, ts.isComputedPropertyName(child) ? isDeferred : within);
      });
    };
    visit(this.#source(path), false);
  }

  #isPlatforms(symbol: ts.Symbol): boolean {
    const declarations = symbol.declarations ?? [];
    if (declarations.length === 0) return symbol.name === "globalThis";
    return declarations.every((declaration) =>
      this.#program.isSourceFileDefaultLibrary(declaration.getSourceFile())
    );
  }

  #source(path: string): ts.SourceFile {
    const source = this.#program.getSourceFile(this.#root + path);
    if (source === undefined) throw new Error(`there is no module ${path}`);
    return source;
  }

  #use(node: ts.Node, what: string): PlatformUse {
    const source = node.getSourceFile();
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    return { place: `${source.fileName.slice(this.#root.length)}:${line + 1}`, what };
  }
}

/** The specifier of an import or re-export that loads a module. */
function valueImportOf(statement: ts.Statement): string | null {
  if (ts.isImportDeclaration(statement)) {
    const { importClause, moduleSpecifier } = statement;
    if (importClause?.isTypeOnly) return null;
    const bindings = importClause?.namedBindings;
    const isOfTypes = importClause?.name === undefined && bindings !== undefined &&
      ts.isNamedImports(bindings) && bindings.elements.length > 0 &&
      bindings.elements.every(({ isTypeOnly }) => isTypeOnly);
    return isOfTypes ? null : (moduleSpecifier as ts.StringLiteral).text;
  }
  if (ts.isExportDeclaration(statement) && !statement.isTypeOnly) {
    return (statement.moduleSpecifier as ts.StringLiteral | undefined)?.text ?? null;
  }
  return null;
}

/** Name of a function, class or method that is declared. */
function nameOf(node: ts.Node): string {
  if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) return node.name?.text ?? "";
  const isMethod = ts.isMethodDeclaration(node) || ts.isConstructorDeclaration(node);
  if (!isMethod || !ts.isClassDeclaration(node.parent)) return "";
  const method = ts.isConstructorDeclaration(node) ? "constructor" : node.name.getText();
  return `${node.parent.name?.text}.${method}`;
}

/** Whether what is in `node` is done later than what is around it. */
function isDeferring(node: ts.Node): boolean {
  if (ts.isPropertyDeclaration(node)) {
    return !node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
  }
  return ts.isFunctionLike(node);
}

/** Whether an identifier stands for a variable. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return false;
  if (ts.isQualifiedName(parent) || ts.isLabeledStatement(parent)) return false;
  if (ts.isBreakOrContinueStatement(parent) || ts.isMetaProperty(parent)) return false;
  if (ts.isBindingElement(parent) && parent.propertyName === node) return false;
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  const isNamed = ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) ||
    ts.isPropertyDeclaration(parent) || ts.isAccessor(parent) || ts.isParameter(parent) ||
    ts.isVariableDeclaration(parent) || ts.isFunctionLike(parent) || ts.isClassLike(parent) ||
    ts.isBindingElement(parent);
  return !(isNamed && (parent as ts.NamedDeclaration).name === node);
}

/** Whether `node` goes through something with its iterator. */
function isIteration(node: ts.Node): boolean {
  return ts.isForOfStatement(node) || ts.isArrayBindingPattern(node) || ts.isSpreadElement(node) ||
    (ts.isYieldExpression(node) && node.asteriskToken !== undefined);
}

/** Whether `node` asks a constructor for its `Symbol.hasInstance`. */
function isInstanceTest(node: ts.Node): boolean {
  return ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword;
}

function isAssigned(node: ts.Node): boolean {
  return ts.isBinaryExpression(node.parent) && node.parent.left === node &&
    node.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken;
}

/** Name of the interface that a property belongs to. */
function ownerOf(symbol: ts.Symbol): string {
  const parent = symbol.declarations?.[0]?.parent;
  return parent !== undefined && ts.isInterfaceDeclaration(parent) ? parent.name.text : "?";
}
