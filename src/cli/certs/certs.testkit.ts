/** Certificates for tests. */
import { createPrivateKey } from "node:crypto";
import { NODE_NAME, type TlsIdentity, type TlsMaterial } from "../../transport/tls-sockets.ts";
import { type Authority, issueAuthority, issueCertificate, type Validity } from "./certificate.ts";

const VALIDITY: Validity = { from: new Date(Date.now() - 60_000), days: 1 };

export class TestAuthority {
  readonly ca: string;
  readonly #authority: Authority;

  constructor(name = "Test CA") {
    const { cert, key } = issueAuthority(name, VALIDITY);
    this.ca = cert;
    this.#authority = { name, key: createPrivateKey(key) };
  }

  issue(hosts: readonly string[], validity = VALIDITY): TlsMaterial {
    return { ca: this.ca, ...issueCertificate("test", hosts, this.#authority, validity) };
  }

  node(): TlsMaterial {
    return this.issue([NODE_NAME, "localhost", "127.0.0.1"]);
  }
}

/** Certificates that stay as they are. */
export const identityOf = (material: TlsMaterial): TlsIdentity => ({
  options: { ...material, minVersion: "TLSv1.2" },
  renew: () => undefined,
});
