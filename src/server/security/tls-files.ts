/** The certificate files of a node: checked when they are read, and read again when they change. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Server } from "node:tls";
import type { Logger } from "../../core/world.ts";
import { NODE_NAME, type TlsIdentity, type TlsMaterial } from "../../transport/tls-sockets.ts";

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

const POLL_MS = 30_000;

/** Throws a sentence that says which file is wrong. `pollMs`: how often the files are looked at. */
export class TlsFilesIdentity implements TlsIdentity {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #servers = new Set<Server>();
  readonly #timer: NodeJS.Timeout;
  #material: TlsMaterial;
  #stamp: string;

  constructor(files: TlsFiles, log: Logger, pollMs = POLL_MS) {
    this.#files = files;
    this.#log = log;
    this.#stamp = stampOf(files);
    this.#material = read(files);
    this.#timer = setInterval(() => this.#look(), pollMs);
    this.#timer.unref();
  }

  get options(): TlsIdentity["options"] {
    return { ...this.#material, minVersion: "TLSv1.2" };
  }

  renew(server: Server): void {
    this.#servers.add(server);
    server.once("close", () => this.#servers.delete(server));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    try {
      const stamp = stampOf(this.#files);
      if (stamp === this.#stamp) return;
      this.#material = read(this.#files);
      this.#stamp = stamp;
      for (const server of this.#servers) server.setSecureContext(this.options);
      this.#log.info({ audit: "certificates", ...this.#files }, "the certificates have been read again");
    } catch (error) {
      // Perhaps half of the files are written so far.
      this.#log.warn({ error: String(error) }, "the changed certificates are not usable: the old ones stay");
    }
  }
}

const stampOf = (files: TlsFiles): string =>
  [files.cert, files.key, files.ca].map((file) => statOf(file)).join(" ");

function statOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs}-${size}-${ino}`;
  } catch (error) {
    throw new Error(`TLS: cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

function read(files: TlsFiles): TlsMaterial {
  const cert = readFileSync(files.cert, "utf8");
  const key = readFileSync(files.key, "utf8");
  const ca = readFileSync(files.ca, "utf8");
  const own = parsed(files.cert, () => new X509Certificate(cert));
  parsed(files.ca, () => new X509Certificate(ca));
  const privateKey = parsed(files.key, () => createPrivateKey(key));
  if (!own.checkPrivateKey(privateKey)) throw new Error(`TLS: ${files.key} is not the key of ${files.cert}`);
  if (own.checkHost(NODE_NAME) === undefined) {
    throw new Error(
      `TLS: ${files.cert} is not a certificate of a node: it lacks the DNS name ${NODE_NAME} (kvorum certs dev makes one)`,
    );
  }
  if (new Date(own.validTo).getTime() < Date.now())
    throw new Error(`TLS: ${files.cert} was valid until ${own.validTo}`);
  return { cert, key, ca };
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`TLS: ${file} is not what it should be: ${(error as Error).message}`, { cause: error });
  }
}
