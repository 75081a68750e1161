/** Certificates for servers on this machine. */

import { run } from "./peers.ts";

/** A certificate for 127.0.0.1 that signs itself, and its key. */
export interface OwnCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** The certificate, as PEM text. */
  readonly cert: string;
}

/** Makes a certificate in `folder`, with openssl. */
export async function makeOwnCertificate(folder: string): Promise<OwnCertificate> {
  const [certFile, keyFile] = [`${folder}/own.pem`, `${folder}/own.key`];
  await run(
    "openssl",
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(" "),
    ...["-subj", "/CN=localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", certFile],
  );
  return { certFile, keyFile, cert: await Deno.readTextFile(certFile) };
}
