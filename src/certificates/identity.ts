/**
 * Chooses among certificates by the name that a client asks for.
 *
 * @module
 */

import type { TlsIdentity, TlsKeyPair } from "../net/tls_identity.ts";
import type { CertificateFacts } from "./codec/x509.ts";

/** A key pair, and what its certificate says. */
export interface ServedCertificate extends TlsKeyPair {
  /** What the certificate says. */
  readonly facts: CertificateFacts;
}

/**
 * Shows clients the first certificate that is for the name they ask for: one that has the name itself
 * before one that has it with a star. Clients that ask for no name, or another one, see the first.
 */
export function identityOf(certificates: readonly ServedCertificate[]): TlsIdentity {
  const byName = new Map<string, TlsKeyPair>();
  for (const certificate of certificates) {
    for (const name of certificate.facts.names) {
      if (!byName.has(name)) byName.set(name, certificate);
    }
  }
  return {
    pairs: certificates,
    choose(serverName) {
      const dot = serverName.indexOf(".");
      return byName.get(serverName) ??
        (dot > 0 ? byName.get(`*${serverName.slice(dot)}`) : undefined) ?? certificates[0];
    },
  };
}
