/** X.509 certificates (RFC 5280) with keys on P-256: an authority, and what it vouches for. */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { isIP } from "node:net";
import {
  addressBytes,
  bits,
  explicit,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  setOf,
  time,
  TRUE,
  utf8,
} from "./der.ts";

export interface Issued {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

/** Who vouches: `name` as it stands in its own certificate. */
export interface Authority {
  readonly name: string;
  readonly key: KeyObject;
}

export interface Validity {
  readonly from: Date;
  readonly days: number;
}

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const COMMON_NAME = oid("2.5.4.3");
const CERT_AND_CRL_SIGN = bits(Uint8Array.of(0x06), 1);
const DIGITAL_SIGNATURE = bits(Uint8Array.of(0x80), 7);
const SERVER_AND_CLIENT = sequence(oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.2"));
const DAY_MS = 86_400_000;

const extension = (id: string, value: Uint8Array): Buffer => sequence(oid(id), octets(value));
const critical = (id: string, value: Uint8Array): Buffer => sequence(oid(id), TRUE, octets(value));

export function issueAuthority(name: string, validity: Validity): Issued {
  const { privateKey } = newKey();
  const extensions = [critical("2.5.29.19", sequence(TRUE)), critical("2.5.29.15", CERT_AND_CRL_SIGN)];
  return issue(name, privateKey, { name, key: privateKey }, extensions, validity);
}

/** For whoever answers by these host names and addresses; also for calling others. */
export function issueCertificate(
  name: string,
  hosts: readonly string[],
  authority: Authority,
  validity: Validity,
): Issued {
  const { privateKey } = newKey();
  const names = hosts.map((host) =>
    isIP(host) === 0 ? implicit(2, Buffer.from(host)) : implicit(7, addressBytes(host)),
  );
  const extensions = [
    critical("2.5.29.19", sequence()),
    critical("2.5.29.15", DIGITAL_SIGNATURE),
    extension("2.5.29.37", SERVER_AND_CLIENT),
    extension("2.5.29.17", sequence(...names)),
  ];
  return issue(name, privateKey, authority, extensions, validity);
}

const newKey = (): { readonly privateKey: KeyObject } => generateKeyPairSync("ec", { namedCurve: "P-256" });

function issue(
  name: string,
  key: KeyObject,
  authority: Authority,
  extensions: readonly Uint8Array[],
  { from, days }: Validity,
): Issued {
  const publicKey = publicKeyOf(key);
  const contents = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(Buffer.concat([Uint8Array.of(1), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    nameOf(authority.name),
    sequence(time(from), time(new Date(from.getTime() + days * DAY_MS))),
    nameOf(name),
    publicKey,
    explicit(
      3,
      sequence(
        ...extensions,
        extension("2.5.29.14", octets(keyId(publicKey))),
        extension("2.5.29.35", sequence(implicit(0, keyId(publicKeyOf(authority.key))))),
      ),
    ),
  );
  const signature = sign("sha256", contents, authority.key);
  return {
    cert: pem("CERTIFICATE", sequence(contents, ECDSA_WITH_SHA256, bits(signature))),
    key: key.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: "spki", format: "der" });

/** Any hash that tells keys apart will do (RFC 5280, 4.2.1.2). */
const keyId = (publicKey: Uint8Array): Buffer =>
  createHash("sha256").update(publicKey).digest().subarray(0, 20);

const nameOf = (name: string): Buffer => sequence(setOf(sequence(COMMON_NAME, utf8(name))));

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
