/**
 * Where Deno's transpiler does otherwise than TypeScript's own.
 *
 * @module
 */

import ts from "typescript";

/** Transformers that come before TypeScript's. */
export const DENO_RULES: readonly ts.TransformerFactory<ts.SourceFile>[] = [
  (context) => (file) => {
    const { factory } = context;
    const visit = (node: ts.Node): ts.Node => {
      const visited = ts.visitEachChild(node, visit, context);
      if (!ts.isClassLike(visited)) return visited;
      const members = withParameterProperties(visited.members, factory);
      if (members === null) return visited;
      const { modifiers, name, typeParameters: types, heritageClauses: heritage } = visited;
      return ts.isClassDeclaration(visited)
        ? factory.updateClassDeclaration(visited, modifiers, name, types, heritage, members)
        : factory.updateClassExpression(visited, modifiers, name, types, heritage, members);
    };
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
    const changed = statements.some((statement, index) => statement !== file.statements[index])
      ? factory.updateSourceFile(file, statements)
      : file;
    return /\bconstructor\b/.test(file.text) ? ts.visitEachChild(changed, visit, context) : changed;
  },
];

/** `import {} from "…"` runs the module; TypeScript would leave it out. */
function importsNothing(statement: ts.Statement): statement is ts.ImportDeclaration {
  if (!ts.isImportDeclaration(statement)) return false;
  const { importClause } = statement;
  if (importClause === undefined || importClause.isTypeOnly || importClause.name) return false;
  const { namedBindings } = importClause;
  return namedBindings !== undefined && ts.isNamedImports(namedBindings) &&
    namedBindings.elements.length === 0;
}

/**
 * The members of a class whose constructor declares properties with its parameters: these are set
 * before the initializers of fields run, which therefore move into the constructor. `null` if there
 * is nothing to move.
 */
function withParameterProperties(
  members: ts.NodeArray<ts.ClassElement>,
  factory: ts.NodeFactory,
): ts.ClassElement[] | null {
  const constructor = members.find((member): member is ts.ConstructorDeclaration =>
    ts.isConstructorDeclaration(member) && member.body !== undefined
  );
  if (constructor === undefined || !members.some(isInitializedField)) return null;
  const properties = constructor.parameters.filter((parameter) =>
    ts.isParameterPropertyDeclaration(parameter, constructor)
  );
  if (properties.length === 0) return null;
  const setThis = (name: ts.PropertyName, value: ts.Expression) => {
    const target = ts.isIdentifier(name) || ts.isPrivateIdentifier(name)
      ? factory.createPropertyAccessExpression(factory.createThis(), name)
      : factory.createElementAccessExpression(
        factory.createThis(),
        ts.isComputedPropertyName(name) ? name.expression : name as ts.StringLiteral,
      );
    return factory.createExpressionStatement(factory.createAssignment(target, value));
  };
  const assignments: ts.Statement[] = properties.map(({ name }) =>
    setThis(
      factory.createIdentifier((name as ts.Identifier).text),
      factory.createIdentifier((name as ts.Identifier).text),
    )
  );
  const changed: ts.ClassElement[] = properties.map(({ name }) =>
    factory.createPropertyDeclaration(
      undefined,
      factory.createIdentifier((name as ts.Identifier).text),
      undefined,
      undefined,
      undefined,
    )
  );
  for (const member of members) {
    if (!isInitializedField(member)) {
      changed.push(member === constructor ? constructor : member);
      continue;
    }
    assignments.push(setThis(member.name, member.initializer!));
    const { modifiers, name, type } = member;
    changed.push(
      factory.updatePropertyDeclaration(member, modifiers, name, undefined, type, undefined),
    );
  }
  const at = changed.indexOf(constructor);
  const statements = [...constructor.body!.statements];
  const superCall = statements.findIndex((statement) =>
    ts.isExpressionStatement(statement) && ts.isCallExpression(statement.expression) &&
    statement.expression.expression.kind === ts.SyntaxKind.SuperKeyword
  );
  statements.splice(superCall + 1, 0, ...assignments);
  changed[at] = factory.updateConstructorDeclaration(
    constructor,
    constructor.modifiers,
    constructor.parameters.map((parameter) =>
      factory.updateParameterDeclaration(
        parameter,
        ts.getDecorators(parameter),
        parameter.dotDotDotToken,
        parameter.name,
        parameter.questionToken,
        parameter.type,
        parameter.initializer,
      )
    ),
    factory.updateBlock(constructor.body!, statements),
  );
  return changed;
}

/** Whether a member is an own field with a plain name and a value, and nothing decorates it. */
function isInitializedField(member: ts.ClassElement): member is ts.PropertyDeclaration {
  return ts.isPropertyDeclaration(member) && member.initializer !== undefined &&
    !ts.isComputedPropertyName(member.name) &&
    !(member.modifiers ?? []).some(({ kind }) =>
      kind === ts.SyntaxKind.StaticKeyword || kind === ts.SyntaxKind.Decorator ||
      kind === ts.SyntaxKind.AccessorKeyword || kind === ts.SyntaxKind.DeclareKeyword
    );
}
