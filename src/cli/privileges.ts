/**
 * Gives up root's privileges, for good, and in all threads.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { ConfigError } from "../base/errors.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { denoFolder } from "../base/folders.ts";
import { deleteVariable, environmentOf, setVariable } from "../base/surroundings.ts";
import type { UserSetting } from "../config/settings.ts";
import type { ListenAddress } from "../net/address.ts";
import { openLibc } from "../net/libc.ts";
import { giveSocketFile } from "./file_owner.ts";

const SYMBOLS = {
  getpwnam: { parameters: ["buffer"], result: "pointer" },
  getpwuid: { parameters: ["u32"], result: "pointer" },
  getgrnam: { parameters: ["buffer"], result: "pointer" },
  geteuid: { parameters: [], result: "u32" },
  getegid: { parameters: [], result: "u32" },
  initgroups: { parameters: ["buffer", "u32"], result: "i32" },
  setgroups: { parameters: ["usize", "pointer"], result: "i32" },
  setgid: { parameters: ["u32"], result: "i32" },
  setuid: { parameters: ["u32"], result: "i32" },
} as const;
type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Where things lie in `struct passwd` and `struct group`, on systems of 64 bits. */
const NAME_AT = 0;
const UID_AT = 16;
const GROUP_GID_AT = 16;
const GID_AT = 20;
/** The BSDs have two fields more before it. */
const HOME_AT = Deno.build.os === "linux" ? 32 : 48;
/** The largest number that an account can have: the next means "as it is" to the system. */
const MAX_ID = 0xffff_fffe;
const TASKS = "/proc/self/task";
const FIRST_FREE_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const USUAL_FIRST_FREE_PORT = 1_024;

/** An account to become. */
export interface Account {
  /** Name of the user; `null` for a number that has none. */
  readonly name: string | null;
  /** Number of the user, never 0. */
  readonly uid: number;
  /** Number of the group, never 0. */
  readonly gid: number;
  /** The user's folder; `/` if there is no such user in the system's list. */
  readonly home: string;
}

/**
 * Looks up the account that `--user` names, and checks that this process can become it.
 *
 * @throws {ConfigError} if there is no such account, it is root's, or the process may not become it
 */
export function findAccount({ user, group }: UserSetting): Account {
  const libc = open();
  try {
    const account = lookUp(libc, user, group);
    if (account.uid === 0) {
      throw new ConfigError(`--user ${user}: that is root, so nothing would be dropped`);
    }
    if (account.gid === 0) {
      const written = group === undefined ? user : `${user}:${group}`;
      throw new ConfigError(
        `--user ${written}: the group is root's, which may do more than others`,
      );
    }
    const { geteuid, getegid } = libc.symbols;
    const [uid, gid] = [geteuid(), getegid()];
    if (uid !== 0 && (uid !== account.uid || gid !== account.gid)) {
      throw new ConfigError(
        `--user ${user}: only root can become another user, and this process is user ${uid} of ` +
          `group ${gid}: start it as root, or leave the option out`,
      );
    }
    return account;
  } finally {
    libc.close();
  }
}

/**
 * Makes the process, with all its threads, that of `account`: first its groups, then its group, then
 * its user. If it is that already, it is only checked.
 *
 * @throws {ConfigError} if anything of root is left, or could be had again: then the process must end
 */
export function become(account: Account): void {
  const libc = open();
  try {
    const { geteuid, setgid, setgroups, setuid } = libc.symbols;
    if (geteuid() === 0) assume(libc, account);
    // Each of these must be refused by now.
    if (setuid(0) === 0 || setgid(0) === 0 || setgroups(0n, null) === 0) {
      throw new ConfigError("--user: root's privileges could be had again after they were dropped");
    }
    checkThreads(account);
  } finally {
    libc.close();
  }
}

function assume({ symbols }: Libc, { name, uid, gid }: Account): void {
  const { initgroups, setgid, setgroups, setuid } = symbols;
  const groupsStatus = name === null ? setgroups(0n, null) : initgroups(cString(name), gid);
  checkStatus(groupsStatus, "its groups");
  checkStatus(setgid(gid), `group ${gid}`);
  checkStatus(setuid(uid), `user ${uid}`);
}

/** The surroundings of somebody who logs in as `account`, as far as variables tell. */
export function surroundingsOf(account: Account, surroundings: Surroundings): Surroundings {
  const { name, home } = account;
  const own: Record<string, string | undefined> = {
    HOME: home,
    USER: name ?? undefined,
    LOGNAME: name ?? undefined,
  };
  const env: Record<string, string> = { ...surroundings.env };
  for (const [variable, value] of Object.entries(own)) {
    delete env[variable];
    if (value === undefined) {
      deleteVariable(variable);
    } else {
      setVariable(variable, value);
      env[variable] = value;
    }
  }
  return Object.freeze({ ...surroundings, env: Object.freeze(env) });
}

/**
 * Checks that this process, which has become `account`, can still read what it loads as it goes: parts of
 * the executable; from source, its modules, and what is in Deno's folder, which is in root's home unless it is
 * told otherwise.
 *
 * @throws {ConfigError} if it cannot; `before` is what there was around it when it was root
 */
export function checkRuntime({ name, uid }: Account, before: Surroundings): void {
  if (Deno.build.standalone) {
    checkExecutable(name ?? String(uid), before.program);
    return;
  }
  checkModules(name ?? String(uid));
  const folder = denoFolder(environmentOf(before.env));
  if (folder === null) return;
  try {
    for (const _entry of Deno.readDirSync(folder)) break;
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) return;
    throw new ConfigError(
      `--user: ${
        name ?? uid
      } may not read ${folder}, where Deno has gatehouse's dependencies: set ` +
        "DENO_DIR to a folder that this user can read, or use the executable",
    );
  }
}

function checkModules(user: string): void {
  // Not all are local: those from a registry are in Deno's folder.
  if (!import.meta.url.startsWith("file:")) return;
  try {
    Deno.openSync(new URL(import.meta.url)).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new ConfigError(
      `--user: ${user} may not read ${
        fileURLToPath(import.meta.url)
      }, and modules beside it are read as needed`,
    );
  }
}

function checkExecutable(user: string, program: string): void {
  try {
    // By this name it is found wherever it lies.
    Deno.openSync(Deno.build.os === "linux" ? "/proc/self/exe" : program).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new ConfigError(
      `--user: ${user} may not read ${program}, parts of which are read as needed`,
    );
  }
}

/** Whether only root can listen at `address`. */
export function isForRoot(address: ListenAddress): boolean {
  return address.transport === "tcp" && address.port > 0 && address.port < firstFreePort();
}

/**
 * Makes the socket at `address`, if it is a file, that of `account`.
 *
 * @throws {ConfigError} if the system refuses, or something else is there by now
 */
export function giveSocket(address: ListenAddress, { uid, gid }: Account): void {
  if (address.transport !== "unix" || giveSocketFile(address.path, uid, gid)) return;
  throw new ConfigError(
    `--user: ${address.path} cannot be given to user ${uid}, or is another file now`,
  );
}

/** The first port that every user can listen at. */
function firstFreePort(): number {
  try {
    return Number(Deno.readTextFileSync(FIRST_FREE_PORT)) || 0;
  } catch (error) {
    // Other systems have no such file.
    if (error instanceof Error) return USUAL_FIRST_FREE_PORT;
    throw error;
  }
}

/** @throws {ConfigError} if the C library cannot be called */
function open(): Libc {
  if (Deno.build.os === "windows") {
    throw new ConfigError("--user is for systems with root, which Windows is not");
  }
  const libc = openLibc(SYMBOLS);
  if (libc !== null) return libc;
  throw new ConfigError(
    "--user sets the process's groups through the C library: run Deno with --allow-ffi, or with -A",
  );
}

function lookUp({ symbols }: Libc, user: string, group: string | undefined): Account {
  const number = idOf(user);
  const found = number === null ? symbols.getpwnam(cString(user)) : symbols.getpwuid(number);
  if (found === null && number === null) {
    throw new ConfigError(`--user ${user}: there is no user of this name`);
  }
  const passwd = found === null ? null : new Deno.UnsafePointerView(found);
  // Copied, since the library uses this memory for the next answer.
  const uid = passwd?.getUint32(UID_AT) ?? number!;
  const ownGid = passwd?.getUint32(GID_AT);
  const name = passwd === null ? null : textAt(passwd, NAME_AT);
  const home = passwd === null ? "/" : textAt(passwd, HOME_AT) || "/";
  const gid = group === undefined ? ownGid : groupId(symbols, user, group);
  if (gid === undefined) {
    throw new ConfigError(`--user ${user}: there is no such user, so name a group: ${user}:GROUP`);
  }
  return { name, uid, gid, home };
}

function groupId(symbols: Libc["symbols"], user: string, group: string): number {
  const number = idOf(group);
  if (number !== null) return number;
  const found = symbols.getgrnam(cString(group));
  if (found !== null) return new Deno.UnsafePointerView(found).getUint32(GROUP_GID_AT);
  throw new ConfigError(`--user ${user}:${group}: there is no group of this name`);
}

/** The number that `text` is; `null` if it is a name. */
function idOf(text: string): number | null {
  if (!/^\d+$/.test(text)) return null;
  const id = Number(text);
  if (id <= MAX_ID) return id;
  throw new ConfigError(`--user: ${text} is not the number of a user or group`);
}

function textAt(view: Deno.UnsafePointerView, offset: number): string {
  const pointer = view.getPointer(offset);
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

function checkStatus(status: number, what: string): void {
  if (status === 0) return;
  throw new ConfigError(`--user: the system refuses ${what}`);
}

/** @throws {ConfigError} if a thread has anything left of root, or Linux does not tell */
function checkThreads({ uid, gid }: Account): void {
  for (const status of statusesOfThreads()) {
    const numbers = (name: string) =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1].split(/\s+/).filter(Boolean) ?? [];
    const isUser = numbers("Uid").every((id) => id === String(uid));
    const isGroup = numbers("Gid").every((id) => id === String(gid));
    if (numbers("Groups").includes("0")) {
      throw new ConfigError("--user: this user is a member of root's group, so it would be kept");
    }
    const hasCapability = ["CapPrm", "CapEff", "CapAmb"].flatMap(numbers)
      .some((mask) => !/^0+$/.test(mask));
    if (isUser && isGroup && !hasCapability) continue;
    throw new ConfigError(
      "--user: the process has privileges that this user has not, such as capabilities",
    );
  }
}

function statusesOfThreads(): string[] {
  if (Deno.build.os !== "linux") return [];
  try {
    return [...Deno.readDirSync(TASKS)].flatMap(({ name }) => statusOf(name));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // Deno requires all permissions for this, and there may be no /proc.
    throw new ConfigError(
      `--user: it cannot be seen in ${TASKS} what is left of root: run Deno with -A, and mount /proc`,
    );
  }
}

function statusOf(thread: string): string[] {
  try {
    return [Deno.readTextFileSync(`${TASKS}/${thread}/status`)];
  } catch (error) {
    // It has ended since.
    const isGone = error instanceof Deno.errors.NotFound ||
      error instanceof Error && "code" in error && error.code === "ESRCH";
    if (!isGone) throw error;
    return [];
  }
}
