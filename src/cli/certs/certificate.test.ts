import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { issueAuthority, issueCertificate } from "./certificate.ts";
import { addressBytes, integer, oid, tlv } from "./der.ts";

const VALIDITY = { from: new Date("2026-01-31T23:59:59Z"), days: 30 };

describe("certificates, as OpenSSL reads them", () => {
  const issued = issueAuthority("An Authority", VALIDITY);
  const authority = { name: "An Authority", key: createPrivateKey(issued.key) };
  const ca = new X509Certificate(issued.cert);
  const hosts = ["node.kvorum", "localhost", "10.0.0.1", "2001:db8::1"];
  const leaf = issueCertificate("n1", hosts, authority, VALIDITY);
  const cert = new X509Certificate(leaf.cert);

  test("an authority vouches for itself and for others, and a leaf is no authority", () => {
    expect([ca.ca, cert.ca]).toEqual([true, false]);
    expect(ca.verify(ca.publicKey)).toBe(true);
    expect(cert.verify(ca.publicKey)).toBe(true);
    expect(cert.checkIssued(ca)).toBe(true);
    expect(cert.checkPrivateKey(createPrivateKey(leaf.key))).toBe(true);
    expect(cert.checkPrivateKey(authority.key)).toBe(false);
  });

  test("names, addresses, times and uses", () => {
    expect([cert.subject, cert.issuer]).toEqual(["CN=n1", "CN=An Authority"]);
    expect(cert.subjectAltName).toBe(
      "DNS:node.kvorum, DNS:localhost, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1",
    );
    expect(cert.checkHost("node.kvorum")).toBe("node.kvorum");
    expect(cert.checkHost("other.kvorum")).toBeUndefined();
    expect([cert.validFrom, cert.validTo]).toEqual(["Jan 31 23:59:59 2026 GMT", "Mar  2 23:59:59 2026 GMT"]);
    expect(cert.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  });

  test("serial numbers differ", () => {
    const other = new X509Certificate(issueCertificate("n1", hosts, authority, VALIDITY).cert);
    expect(other.serialNumber).not.toBe(cert.serialNumber);
  });
});

test("DER: long lengths, leading zeros, big parts of identifiers, addresses", () => {
  expect(tlv(4, new Uint8Array(300)).subarray(0, 4).toString("hex")).toBe("0482012c");
  expect(tlv(4, new Uint8Array(128)).subarray(0, 3).toString("hex")).toBe("048180");
  expect(integer(Uint8Array.of(0x80)).toString("hex")).toBe("02020080");
  expect(oid("1.2.840.10045.4.3.2").toString("hex")).toBe("06082a8648ce3d040302");
  expect(Buffer.from(addressBytes("::1")).toString("hex")).toBe("00000000000000000000000000000001");
  expect(Buffer.from(addressBytes("::ffff:10.0.0.1")).toString("hex")).toBe(
    "00000000000000000000ffff0a000001",
  );
});
