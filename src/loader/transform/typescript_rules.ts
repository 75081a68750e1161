/**
 * Where Deno's transpiler does otherwise than TypeScript's own.
 *
 * @module
 */

import ts from "typescript";

/** Transformers that come before TypeScript's, and behind them. */
export const DENO_RULES: {
  readonly before: readonly ts.TransformerFactory<ts.SourceFile>[];
  readonly after: readonly ts.TransformerFactory<ts.SourceFile>[];
} = {
  before: [(context) => (file) => keepEmptyImports(file, context.factory)],
  after: [(context) => (file) => {
    if (!/\bconstructor\b/.test(file.text)) return file;
    const { factory } = context;
    const visit = (node: ts.Node): ts.Node => {
      const visited = ts.visitEachChild(node, visit, context);
      if (!ts.isClassLike(visited)) return visited;
      const members = withEarlyProperties(visited, context);
      if (members === null) return visited;
      const { modifiers, name, heritageClauses: heritage } = visited;
      return ts.isClassDeclaration(visited)
        ? factory.updateClassDeclaration(visited, modifiers, name, undefined, heritage, members)
        : factory.updateClassExpression(visited, modifiers, name, undefined, heritage, members);
    };
    return ts.visitEachChild(file, visit, context);
  }],
};

/** `import {} from "…"` runs the module; TypeScript would leave it out. */
function keepEmptyImports(file: ts.SourceFile, factory: ts.NodeFactory): ts.SourceFile {
  if (!file.statements.some(importsNothing)) return file;
  const statements = file.statements.map((statement) =>
    importsNothing(statement)
      ? factory.createImportDeclaration(
        undefined,
        undefined,
        statement.moduleSpecifier,
        statement.attributes,
      )
      : statement
  );
  return factory.updateSourceFile(file, statements);
}

function importsNothing(statement: ts.Statement): statement is ts.ImportDeclaration {
  if (!ts.isImportDeclaration(statement)) return false;
  const { importClause } = statement;
  if (importClause === undefined || importClause.isTypeOnly || importClause.name) return false;
  const { namedBindings } = importClause;
  return namedBindings !== undefined && ts.isNamedImports(namedBindings) &&
    namedBindings.elements.length === 0;
}

/**
 * The members of a class whose constructor declares properties with its parameters: these are set before
 * the initializers of fields run. So the initializers move into a private method, which the constructor
 * calls as soon as the properties are set; there they cannot see its parameters. `null` for other classes.
 *
 * Decorators and `accessor` are compiled by now: their code is in the initializers, too.
 */
function withEarlyProperties(
  node: ts.ClassLikeDeclaration,
  context: ts.TransformationContext,
): ts.ClassElement[] | null {
  const constructor = node.members.find(ts.isConstructorDeclaration);
  const parameters = parameterProperties(constructor);
  if (constructor?.body === undefined || parameters.size === 0) return null;
  const { factory } = context;
  const initialize = factory.createUniquePrivateName("#initialize");
  const initializers: ts.Statement[] = [];
  const changed = node.members.map((member) => {
    if (!isInitializedField(member)) return member;
    const { name, target } = nameAndTarget(member.name, context);
    const assignment = factory.createAssignment(target, member.initializer!);
    const statement = factory.createExpressionStatement(assignment);
    initializers.push(ts.setTextRange(statement, member));
    return factory.updatePropertyDeclaration(
      member,
      undefined,
      name,
      undefined,
      undefined,
      undefined,
    );
  });
  const first = [...parameters.values()].map((name) => {
    const property = factory.createPropertyAccessExpression(factory.createThis(), name);
    return factory.createExpressionStatement(
      factory.createAssignment(property, factory.createIdentifier(name)),
    );
  });
  const call = factory.createCallExpression(
    factory.createPropertyAccessExpression(factory.createThis(), initialize),
    undefined,
    [],
  );
  const { body, rest } = bodyWith(constructor.body, {
    first: [...first, factory.createExpressionStatement(call)],
    isDerived: extendsSomething(node),
    parameters,
    context,
  });
  changed[changed.indexOf(constructor)] = factory.updateConstructorDeclaration(
    constructor,
    undefined,
    constructor.parameters,
    body,
  );
  const method = factory.createMethodDeclaration(
    undefined,
    undefined,
    initialize,
    undefined,
    undefined,
    [],
    undefined,
    factory.createBlock([...initializers, ...rest], true),
  );
  return [...changed, method];
}

/** The names of the properties that a constructor's parameters declared, by these parameters. */
function parameterProperties(
  constructor: ts.ConstructorDeclaration | undefined,
): ReadonlyMap<ts.Node, string> {
  const properties = new Map<ts.Node, string>();
  if (constructor === undefined) return properties;
  for (const parameter of constructor.parameters) {
    const original = ts.getOriginalNode(parameter);
    const owner = original.parent;
    const declares = ts.isParameter(original) && ts.isConstructorDeclaration(owner) &&
      ts.isParameterPropertyDeclaration(original, owner);
    if (declares) properties.set(original, ts.idText(original.name as ts.Identifier));
  }
  return properties;
}

function isInitializedField(member: ts.ClassElement): member is ts.PropertyDeclaration {
  return ts.isPropertyDeclaration(member) && member.initializer !== undefined &&
    !(member.modifiers ?? []).some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
}

/** How a field is called where it is declared, and how the instance's is later. */
function nameAndTarget(
  name: ts.PropertyName,
  { factory, hoistVariableDeclaration }: ts.TransformationContext,
): { readonly name: ts.PropertyName; readonly target: ts.Expression } {
  const self = factory.createThis();
  if (ts.isIdentifier(name) || ts.isPrivateIdentifier(name)) {
    return { name, target: factory.createPropertyAccessExpression(self, name) };
  }
  if (!ts.isComputedPropertyName(name)) {
    const key = name as ts.StringLiteral | ts.NumericLiteral;
    return { name, target: factory.createElementAccessExpression(self, key) };
  }
  // It is evaluated once, with the class.
  const key = factory.createTempVariable(hoistVariableDeclaration);
  return {
    name: factory.updateComputedPropertyName(name, factory.createAssignment(key, name.expression)),
    target: factory.createElementAccessExpression(self, key),
  };
}

/** What a constructor does first, and for which class. */
interface ConstructorStart {
  /** Statements for where `this` begins to exist. */
  readonly first: readonly ts.ExpressionStatement[];
  /** Whether that is where `super()` returns. */
  readonly isDerived: boolean;
  /** Parameters that declare properties; TypeScript's code for them is removed. */
  readonly parameters: ReadonlyMap<ts.Node, string>;
  readonly context: ts.TransformationContext;
}

/**
 * The body of a constructor that begins so. `rest` is what TypeScript has put into it for decorators, which
 * comes behind the last initializer.
 */
function bodyWith(
  body: ts.Block,
  { first, isDerived, parameters, context }: ConstructorStart,
): { readonly body: ts.Block; readonly rest: readonly ts.Statement[] } {
  const { factory } = context;
  const rest: ts.Statement[] = [];
  const visit = (node: ts.Node): ts.Node | ts.Node[] | undefined => {
    // What is an arrow function's is the constructor's.
    if (ts.isClassLike(node) || ts.isFunctionLike(node) && !ts.isArrowFunction(node)) return node;
    if (parameters.has(ts.getOriginalNode(node)) && ts.isStatement(node)) return undefined;
    if (runsInitializers(node)) {
      rest.push(node);
      return undefined;
    }
    if (ts.isExpressionStatement(node) && isSuperCall(node.expression)) return [node, ...first];
    if (!isSuperCall(node)) return ts.visitEachChild(node, visit, context);
    const parts = first.map(({ expression }) => expression);
    return factory.createParenthesizedExpression(
      factory.createCommaListExpression([node, ...parts, factory.createThis()]),
    );
  };
  const statements = ts.visitNodes(body.statements, visit, ts.isStatement);
  const changed = isDerived ? statements : [...first, ...statements];
  return { body: factory.updateBlock(body, changed), rest };
}

function isSuperCall(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.SuperKeyword;
}

/** Whether that is what TypeScript itself writes where decorators have initializers. */
function runsInitializers(node: ts.Node): node is ts.ExpressionStatement {
  if (!ts.isExpressionStatement(node) || node.pos >= 0) return false;
  const { expression } = node;
  return ts.isCallExpression(expression) && ts.isIdentifier(expression.expression) &&
    ts.idText(expression.expression) === "__runInitializers";
}

function extendsSomething({ heritageClauses }: ts.ClassLikeDeclaration): boolean {
  return heritageClauses?.some(({ token }) => token === ts.SyntaxKind.ExtendsKeyword) === true;
}
