/** Completions and the manual page, in the programs that read them. */

import { assert, assertEquals } from "../support/assert.ts";
import { manPage } from "../../src/config/man_page.ts";
import { COMMAND_TABLES } from "../../src/config/command_help.ts";
import { COMMANDS } from "../../src/config/commands.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { SHELLS } from "../../src/config/shells/shells.ts";
import { isMissing, run } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";

/** What is typed, the last word to be completed, and the completions. */
const typed: [words: string[], expected: string[]][] = [
  [["conf"], ["config"]],
  [["config", "ng"], ["nginx"]],
  [["--workers", "2", "config", "sys"], ["systemd"]],
  [["completions", ""], ["bash", "fish", "zsh"]],
  [["help", "lim"], ["limits"]],
  [["--max-conn"], ["--max-connections", "--max-conns"]],
  [["app.ts", "--fastcgi-std"], ["--fastcgi-stderr"]],
  [["app.ts", "--fastcgi-stderr", ""], ["console", "errors", "none"]],
  [["app.ts", "--compress-messages=s"], ["stream"]],
  [["app.ts", "--log-level", ""], ["error", "info", "warning"]],
  [["app.ts", "--access-log-format", "com"], ["combined", "common"]],
  [["bench", "saturate", "--protocol", "f"], ["fastcgi"]],
  [["app.ts", "--cert", "fi"], ["file with blank.pem"]],
  [["fetch", "bu"], ["bulk"]],
  [["bench", "saturate", "--warm"], ["--warm-up"]],
  [["bench", "saturate", "--fastcgi-std"], []],
  [["./fi"], ["file with blank.pem"]],
];

const FILES = { "file with blank.pem": "", "other": "" };

/** Runs `source` after the completions in a folder with {@linkcode FILES}; the lines that it prints. */
async function inShell(shell: string, source: string, ...args: string[]): Promise<string[]> {
  let printed = "";
  await inFolder(FILES, async (folder) => {
    const completions = await Deno.makeTempFile();
    const script = await Deno.makeTempFile();
    await Deno.writeTextFile(completions, SHELLS.get(shell)!());
    await Deno.writeTextFile(script, source);
    const { success, stdout, stderr } = await new Deno.Command(shell, {
      args: [...args, script, completions],
      cwd: folder,
      env: { HOME: folder, TERM: "dumb" },
      stdin: "null",
    }).output();
    const errors = new TextDecoder().decode(stderr);
    assert(success && errors === "", errors);
    printed = new TextDecoder().decode(stdout);
    await Deno.remove(completions);
    await Deno.remove(script);
  });
  return printed.split("\n").filter((line) => line !== "");
}

/** Completions by the number of what is typed, of lines `NUMBER COMPLETION`. */
function byNumber(lines: readonly string[]): string[][] {
  return typed.map((_, index) => {
    const own = lines.filter((line) => line.startsWith(`${index} `));
    // Some shells quote blanks, and some tell what comes before a completion.
    const words = own.map((line) =>
      line.slice(line.indexOf(" ") + 1).replaceAll("\\ ", " ").replace(/^(?:\.\/|--[\w-]+=)/, "")
    );
    return [...new Set(words)].sort();
  });
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
const expected = typed.map(([, completions]) => completions);

Deno.test({
  name: "bash completes commands, options, values and files",
  ignore: isMissing("bash"),
  async fn() {
    const lines = typed.map(([words], index) => {
      // Readline takes an equals sign for a word of its own.
      const split = ["gatehouse", ...words].flatMap((word) => word.split(/(?<==)|(?==)/));
      return `COMP_WORDS=(${split.map(quoted).join(" ")}) COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_gatehouse
for word in "\${COMPREPLY[@]}"; do printf '${index} %s\\n' "$word"; done`;
    });
    const source = `set -u\nsource "$1"\ncompopt() { :; }\ncomplete -p gatehouse >/dev/null\n` +
      lines.join("\n");
    assertEquals(byNumber(await inShell("bash", source, "--norc")), expected);
  },
});

Deno.test({
  name: "fish completes commands, options, values and files",
  ignore: isMissing("fish"),
  async fn() {
    const lines = typed.map(([words], index) => {
      const line = ["gatehouse", ...words].join(" ");
      return `complete -C ${
        quoted(line)
      } | string replace -r '\\t.*' '' | string replace -r '^' '${index} '`;
    });
    const source = ["source $argv[1]", ...lines].join("\n");
    assertEquals(byNumber(await inShell("fish", source, "--no-config")), expected);
  },
});

Deno.test({
  name: "zsh completes commands, options, values and files",
  ignore: isMissing("zsh"),
  async fn() {
    // A terminal of its own, in which matches are printed and not inserted.
    const source = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1= PS2=; stty -echo; autoload -U compinit; compinit -u -D; source '\${(q)1}
zpty -w shell 'compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return $?; fi
  local -a found; builtin compadd -O found "$@"
  for word in $found; do print -r -- "MATCH:$word"; done
}'
zpty -w shell 'finish() { print -r -- MATCHES:END; }; completed() {
  comppostfuncs=(finish); zle complete-word; BUFFER=
}; zle -N completed'
zpty -w shell 'bindkey "^I" completed; print -r -- READY:''YES'
zpty -r -m shell output '*READY:YES*'
number=0
for line in ${typed.map(([words]) => quoted(["gatehouse", ...words].join(" "))).join(" ")}; do
  zpty -w -n shell "$line"$'\\t'
  zpty -r -m shell output '*MATCHES:END*'
  for match in \${(f)\${output//$'\\r'/}}; do
    [[ $match == *MATCH:* ]] && print -r -- "$number \${match##*MATCH:}"
  done
  (( number++ ))
done
zpty -d shell
`;
    assertEquals(byNumber(await inShell("zsh", source, "-f")), expected);
  },
});

Deno.test("completions and the manual page name each command and each option", () => {
  for (const text of [...[...SHELLS.values()].map((make) => make()), manPage("1.2.3")]) {
    const plain = text.replaceAll("\\-", "-");
    for (const { name } of COMMANDS) assert(plain.includes(name), name);
    const own = COMMAND_TABLES.flatMap(({ options }) => options);
    for (const { name } of [...OPTIONS, ...own]) {
      assert(plain.includes(`--${name}`) || plain.includes(`-l ${name} `), name);
    }
  }
});

Deno.test({
  name: "groff and mandoc find no fault in the manual page",
  ignore: ["groff", "mandoc"].some(isMissing),
  async fn() {
    await inFolder({ "gatehouse.1": manPage('1.2.3 "\\') }, async (folder) => {
      const page = `${folder}/gatehouse.1`;
      const { success, stderr } = await new Deno.Command("groff", {
        args: ["-man", "-ww", "-z", page],
      }).output();
      assertEquals([success, new TextDecoder().decode(stderr)], [true, ""]);
      const lint = await new Deno.Command("mandoc", { args: ["-T", "lint", page] }).output();
      // The page says of no day that it was made then.
      const faults = new TextDecoder().decode(lint.stdout).split("\n")
        .filter((line) => line !== "" && !/: WARNING: missing date/.test(line));
      assertEquals(faults, []);
      assert((await run("mandoc", "-T", "ascii", page)).includes("gatehouse"));
    });
  },
});
