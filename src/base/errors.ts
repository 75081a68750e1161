/**
 * The error classes of gatehouse. Each carries what its catcher needs, and a message that says what
 * was wrong, where, and what to do about it.
 *
 * @module
 */

import { withoutPasswords } from "./passwords.ts";

/** A peer broke its protocol. `status` is the HTTP status that suits the fault. */
export class ProtocolError extends Error {
  /** Name of the class. */
  override name = "ProtocolError";
  /** HTTP status code for the client, such as 400. */
  readonly status: number;
  /** Section of the specification that was broken, such as `"RFC 9112 5.1"`. */
  readonly section: string;

  /** Makes an error for `status` with a message for the log. */
  constructor(status: number, message: string, section: string) {
    super(message);
    this.status = status;
    this.section = section;
  }
}

/** A FastCGI server did not answer as it should: it refused the request, or its connection was lost. */
export class FastCgiError extends Error {
  /** Name of the class. */
  override name = "FastCgiError";
  /**
   * Protocol status of the request's end (FastCGI 1.0, section 5.5): 2 for overloaded; 0 if the
   * request was not refused.
   */
  readonly protocolStatus: number;

  /** Makes an error with a message for the log. */
  constructor(message: string, protocolStatus = 0) {
    super(message);
    this.protocolStatus = protocolStatus;
  }
}

/** A server cannot be reached, or its connection was lost. */
export class ConnectError extends Error {
  /** Name of the class. */
  override name = "ConnectError";
}

/** A ZeroMQ socket cannot do what was asked. */
export class ZmqError extends Error {
  /** Name of the class. */
  override name = "ZmqError";
  /** The error's number in libzmq; 0 if the error is not from libzmq. */
  readonly code: number;

  /** Makes an error with libzmq's number. */
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** The library libzmq cannot be loaded: it is not installed, or FFI is not permitted. */
export class ZmqLibraryError extends Error {
  /** Name of the class. */
  override name = "ZmqLibraryError";
}

/** Nobody has sent the signal in time. */
export class SignalTimeoutError extends Error {
  /** Name of the class. */
  override name = "SignalTimeoutError";
  /** Name of the signal. */
  readonly signalName: string;
  /** How long it was waited for, in milliseconds. */
  readonly timeoutMs: number;

  /** Makes an error for a signal that was waited for in vain. */
  constructor(signalName: string, timeoutMs: number) {
    super(`nobody has sent the signal "${signalName}" in ${timeoutMs} ms`);
    this.signalName = signalName;
    this.timeoutMs = timeoutMs;
  }
}

/** There is no room for another waiter, subscriber or call, or a value or name is too large. */
export class SignalLimitError extends Error {
  /** Name of the class. */
  override name = "SignalLimitError";
  /** The limit. */
  readonly limit: number;

  /** Makes an error about a limit. */
  constructor(message: string, limit: number) {
    super(message);
    this.limit = limit;
  }
}

/** What was to be sent may not have arrived: the answer was lost, or there is no connection. */
export class SignalDeliveryError extends Error {
  /** Name of the class. */
  override name = "SignalDeliveryError";
}

/** A response that its handler composed cannot be sent as it is. */
export class InvalidResponseError extends Error {
  /** Name of the class. */
  override name = "InvalidResponseError";
}

/** A setting is wrong: an unknown option, a bad value, or a bad combination. */
export class ConfigError extends Error {
  /** Name of the class. */
  override name = "ConfigError";

  /** Makes an error with a message for the user, without the passwords that may be in a setting's URLs. */
  constructor(message: string, options?: ErrorOptions) {
    super(withoutPasswords(message), options);
  }
}

/** A configuration file is wrong: `problems` has all that is, each with its place. */
export class ConfigFileError extends ConfigError {
  /** Name of the class. */
  override name = "ConfigFileError";
  /** What is wrong: `FILE:LINE: …`, in the order of the lines. */
  readonly problems: readonly string[];

  /** Makes an error about all of `problems`. */
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems.map(withoutPasswords);
  }
}

/** What is wrong with one setting. */
export interface SettingProblem {
  /** The setting's name, such as `workers` or `limits.maxBodyBytes`. */
  readonly setting: string;
  /** What it takes, and what it was given. */
  readonly message: string;
}

/** Settings that a program gave are wrong: `problems` lists all of them. */
export class SettingsError extends ConfigError {
  /** Name of the class. */
  override name = "SettingsError";
  /** What is wrong, setting by setting. */
  readonly problems: readonly SettingProblem[];

  /** Makes an error about all of `problems`. */
  constructor(problems: readonly SettingProblem[]) {
    super(problems.map(({ message }) => message).join("\n"));
    this.problems = problems.map(({ setting, message }) => {
      return { setting, message: withoutPasswords(message) };
    });
  }
}

/** A message without its middle, if it is too long to be read. */
function withoutMiddle(message: string): string {
  const { length } = message;
  if (length <= MAX_LOAD_MESSAGE_LENGTH) return message;
  const start = MAX_LOAD_MESSAGE_LENGTH - KEPT_END_LENGTH;
  const left = length - MAX_LOAD_MESSAGE_LENGTH;
  return `${message.slice(0, start)}… (${left} characters left out) …${
    message.slice(length - KEPT_END_LENGTH)
  }`;
}

/** An address cannot be listened on, such as a port in use. */
export class ListenError extends Error {
  /** Name of the class. */
  override name = "ListenError";
}

/** Longest message about an app that cannot be loaded, in characters: V8 repeats names as long as they are. */
const MAX_LOAD_MESSAGE_LENGTH = 4_096;
/** How much of its end is kept. */
const KEPT_END_LENGTH = 1_024;

/** An app could not be loaded. */
export class LoadError extends Error {
  /** Name of the class. */
  override name = "LoadError";
  /** URL of the module that was asked for. */
  readonly url: string;

  /**
   * Makes an error about the module at `url`; passwords are left out of the message, and so is the
   * middle of a very long one.
   */
  constructor(url: string, message: string, options?: ErrorOptions) {
    super(withoutMiddle(withoutPasswords(message)), options);
    this.url = url;
  }

  /** Makes an error about the modules at `urls`, one of which has taken too long. */
  static timedOut(urls: Iterable<string>, timeoutMs: number): LoadError {
    const names = [...urls].join(" or ");
    return new LoadError(
      names,
      `cannot load ${names}: loading took longer than ${
        timeoutMs / 1000
      } s (--load-timeout); does ` +
        "it wait for something that never happens, or block its thread?",
    );
  }
}
