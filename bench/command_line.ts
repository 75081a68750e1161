/**
 * The command lines of the benches: options with defaults, `--help`, and an error for all else.
 *
 * @module
 */

// @ts-types="../src/types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";

/** An option that takes a value. */
export interface OptionKind<T> {
  /** What stands for the value in the help text. */
  readonly placeholder: string;
  /** What it is for. */
  readonly help: string;
  /** What is used when it is not given. */
  readonly standard: T;
  /** The value that a text is, or `undefined` if it is none. */
  read(text: string): T | undefined;
}

/** What a bench can be told. */
export interface CommandLineSpec<O extends Record<string, OptionKind<unknown>>> {
  /** Name of the task, and what it takes besides options, such as `bench:http [REV]`. */
  readonly usage: string;
  /** What the bench does. */
  readonly about: string;
  readonly options: O;
  /** How many arguments without a name there may be. Default: none. */
  readonly maxArguments?: number;
}

/** What a bench was told. */
export type CommandLine<O extends Record<string, OptionKind<unknown>>> =
  & {
    readonly [name in keyof O]: NonNullable<O[name]>["standard"];
  }
  & {
    /** Arguments without a name. */
    readonly given: readonly string[];
  };

/** A command line is wrong. */
export class UsageError extends Error {}

/** A number, not below `least`. */
export function number(standard: number, help: string, least = 0): OptionKind<number> {
  return {
    placeholder: "N",
    help: `${help} (${standard})`,
    standard,
    read: (text) => /^\d+(\.\d+)?$/.test(text) && Number(text) >= least ? Number(text) : undefined,
  };
}

/** A whole number, not below `least`. */
export function whole(standard: number, help: string, least = 1): OptionKind<number> {
  const { read, ...kind } = number(standard, help, least);
  return { ...kind, read: (text) => /^\d+$/.test(text) ? read(text) : undefined };
}

/** Any text. */
export function text(
  placeholder: string,
  help: string,
  standard?: string,
): OptionKind<string | undefined> {
  return { placeholder, help, standard, read: (given) => given === "" ? undefined : given };
}

/** Whole numbers between commas. */
export function wholes(standard: readonly number[], help: string): OptionKind<readonly number[]> {
  return {
    placeholder: "N,…",
    help: `${help} (${standard})`,
    standard,
    read: (given) => /^\d+(,\d+)*$/.test(given) ? given.split(",").map(Number) : undefined,
  };
}

/**
 * Reads a command line; `null` if it asks for help.
 *
 * @throws {UsageError} There is something in it that the bench does not know.
 */
export function readCommandLine<O extends Record<string, OptionKind<unknown>>>(
  spec: CommandLineSpec<O>,
  args: readonly string[],
): CommandLine<O> | null {
  const names = Object.keys(spec.options);
  const found = parseArgs(args, {
    string: [...names, "_"],
    boolean: ["help"],
    collect: names,
    alias: { help: "h" },
    unknown: (arg, key) => {
      if (key !== undefined) throw new UsageError(`there is no option ${arg.split("=")[0]}`);
      return true;
    },
  });
  if (found.help) return null;
  const given = found._.map(String);
  const { maxArguments = 0 } = spec;
  if (given.length > maxArguments) throw new UsageError(`what is ${given[maxArguments]}?`);
  const values: Record<string, unknown> = { given };
  for (const [name, { standard, placeholder, read }] of Object.entries(spec.options)) {
    const texts = found[name] as string[];
    if (texts.length > 1) throw new UsageError(`--${name} is given twice`);
    values[name] = texts.length === 0 ? standard : read(texts[0]);
    if (texts.length > 0 && values[name] === undefined) {
      throw new UsageError(`--${name} takes ${placeholder}, not '${texts[0]}'`);
    }
  }
  return values as CommandLine<O>;
}

/** The text of `--help`. */
export function helpText(spec: CommandLineSpec<Record<string, OptionKind<unknown>>>): string {
  const lines = Object.entries(spec.options).map(([name, { placeholder, help }]) =>
    `  ${`--${name} ${placeholder}`.padEnd(18)}${help}`
  );
  const options = [...lines, `  ${"--help".padEnd(18)}print this, and do nothing`];
  return `deno task ${spec.usage} [OPTIONS]\n\n${spec.about}\n\n${options.join("\n")}`;
}

/** Reads the command line of the program, which ends here if it asks for help, or is wrong. */
export function commandLine<O extends Record<string, OptionKind<unknown>>>(
  spec: CommandLineSpec<O>,
): CommandLine<O> {
  try {
    const found = readCommandLine(spec, Deno.args);
    if (found !== null) return found;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${helpText(spec)}`);
    Deno.exit(2);
  }
  console.log(helpText(spec));
  Deno.exit(0);
}
