/**
 * Who a TLS endpoint is to its clients.
 *
 * @module
 */

/** Certificate chain and private key of a TLS endpoint, as PEM text. */
export interface TlsKeyPair {
  /** Certificate chain, the server's own first. */
  readonly cert: string;
  /** Private key of the first certificate. */
  readonly key: string;
}

/** Who a TLS endpoint is to its clients. */
export interface TlsIdentity {
  /** All key pairs, one or more. */
  readonly pairs: readonly TlsKeyPair[];
  /** The pair for a client that asks for `serverName`, `""` if it names none. One of {@linkcode pairs}. */
  choose(serverName: string): TlsKeyPair;
}

/** Who is the same to all. */
export function soleIdentity(pair: TlsKeyPair): TlsIdentity {
  return { pairs: [pair], choose: () => pair };
}
