import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestAuthority } from "../../cli/certs/certs.testkit.ts";
import { memoryLog } from "../resp/client.testkit.ts";
import type { TlsMaterial } from "../../transport/tls-sockets.ts";
import { TlsFilesIdentity } from "./tls-files.ts";

const authority = new TestAuthority();
let directory: string;
const opened: TlsFilesIdentity[] = [];
const { log, lines } = memoryLog();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-tls-"));
  lines.length = 0;
});

afterEach(() => {
  for (const identity of opened.splice(0)) identity.close();
  rmSync(directory, { recursive: true });
});

const file = (name: string): string => join(directory, name);
const files = () => ({ cert: file("cert"), key: file("key"), ca: file("ca") });

/** Changes of the same instant and size would look like none. */
let writes = 0;

function write(material: Partial<TlsMaterial>): void {
  for (const [name, text] of Object.entries(material)) {
    writeFileSync(file(name), text);
    const time = new Date(1_700_000_000_000 + ++writes * 1000);
    utimesSync(file(name), time, time);
  }
}

function open(): TlsFilesIdentity {
  const identity = new TlsFilesIdentity(files(), log, 10);
  opened.push(identity);
  return identity;
}

test.each([
  ["no file", {}, /TLS: cannot read .*cert/],
  ["no certificate", { ...authority.node(), cert: "nonsense" }, /cert is not what it should be/],
  ["the key of another", { ...authority.node(), key: authority.node().key }, /key is not the key of/],
  ["a client's", authority.issue(["localhost"]), /lacks the DNS name node\.kvorum/],
  [
    "an old one",
    authority.issue(["node.kvorum"], { from: new Date("2020-01-01"), days: 1 }),
    /was valid until Jan {2}2/,
  ],
])("%s is refused, with the file's name", (_what, material, message) => {
  write(material);
  expect(open).toThrow(message);
});

test("a renewed certificate holds for new connections, half a set changes nothing", async () => {
  const [first, second] = [authority.node(), authority.node()];
  write(first);
  const identity = open();
  const server = createServer(identity.options, (socket) => socket.end()).listen(0, "127.0.0.1");
  identity.renew(server);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const served = async (): Promise<string> => {
    const socket = connect({ port, host: "127.0.0.1", ca: first.ca });
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const fingerprintOf = ({ cert }: TlsMaterial): string => new X509Certificate(cert).fingerprint256;
  expect(await served()).toBe(fingerprintOf(first));

  write({ cert: second.cert });
  await expect.poll(() => lines.some(({ level }) => level === "warn")).toBe(true);
  expect(await served(), "the key does not fit").toBe(fingerprintOf(first));

  write({ key: second.key });
  await expect.poll(() => lines.some(({ level }) => level === "info")).toBe(true);
  expect(await served()).toBe(fingerprintOf(second));
  expect(identity.options.cert).toBe(second.cert);
  server.close();
});
