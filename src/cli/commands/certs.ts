/** `kvorum certs`: certificates for trying TLS out, and for clusters without an authority of their own. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { NODE_NAME } from "../../transport/tls-sockets.ts";
import {
  type Authority,
  issueAuthority,
  issueCertificate,
  type Issued,
  type Validity,
} from "../certs/certificate.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../failure.ts";
import { addHelp, command } from "../help.ts";

interface DevFlags {
  readonly name: string;
  readonly host?: readonly string[];
}

const AUTHORITY_DAYS = 3650;
const NODE_DAYS = 825;
/** For clocks that run behind. */
const BACKDATED_MS = 3_600_000;
const LOCAL = ["localhost", "127.0.0.1", "::1"];
const HOST = /^[A-Za-z0-9.:-]{1,253}$/;

export function defineCerts(certs: Command, context: CliContext): void {
  addHelp(certs, [["kvorum certs dev", "an authority and a node's certificate in ./kvorum-certs"]]);
  const dev = command(certs, "dev [directory]")
    .description("Make an authority of your own, unless the directory has one, and a certificate for nodes.")
    .option("--name <name>", "name of the files: NAME.crt and NAME.key", "node")
    .option(
      "--host <host>",
      "host name or address by which clients reach the node, besides localhost; may be given several times",
      (text: string, before: string[] | undefined) => [...(before ?? []), text],
    )
    .action((directory: string | undefined, flags: DevFlags) =>
      make(directory ?? "kvorum-certs", flags, context),
    );
  addHelp(
    dev,
    [
      ["kvorum certs dev", "one certificate for all nodes of this machine"],
      [
        "kvorum certs dev certs --name n1 --host n1.lan --host 10.0.0.1",
        "one for each machine, of the same authority",
      ],
    ],
    "ca.key can make certificates for any node: keep it away from the nodes, and where only you can read it.",
  );
}

function make(directory: string, { name, host = [] }: DevFlags, context: CliContext): void {
  const wrong = host.find((text) => !HOST.test(text));
  if (wrong !== undefined)
    throw new CliError(`"${wrong}" is not a host`, "Give a host name or an IP address.");
  if (existsSync(join(directory, `${name}.crt`))) {
    throw new CliError(
      `${join(directory, `${name}.crt`)} exists already`,
      "Delete it first, or choose another --name or directory.",
    );
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const from = new Date(Date.now() - BACKDATED_MS);
  const authority = authorityIn(directory, { from, days: AUTHORITY_DAYS });
  const hosts = [NODE_NAME, ...LOCAL, ...host];
  write(directory, name, issueCertificate(name, hosts, authority, { from, days: NODE_DAYS }));
  const file = (suffix: string): string => join(directory, suffix);
  context.stdout.write(
    [
      `${context.style.green("ok")}  ${file(`${name}.crt`)} for ${hosts.slice(1).join(", ")}`,
      "",
      `  kvorum serve --tls-cert ${file(`${name}.crt`)} --tls-key ${file(`${name}.key`)} --tls-ca ${file("ca.crt")}`,
      `  kvorum status --ca ${file("ca.crt")}`,
      "",
    ].join("\n"),
  );
}

function authorityIn(directory: string, validity: Validity): Authority {
  const certFile = join(directory, "ca.crt");
  if (!existsSync(certFile)) write(directory, "ca", issueAuthority("Kvorum development CA", validity));
  const { subject } = new X509Certificate(readFileSync(certFile));
  return {
    name: subject.replace(/^CN=/, ""),
    key: createPrivateKey(readFileSync(join(directory, "ca.key"))),
  };
}

function write(directory: string, name: string, { cert, key }: Issued): void {
  writeFileSync(join(directory, `${name}.key`), key, { mode: 0o600, flag: "wx" });
  writeFileSync(join(directory, `${name}.crt`), cert, { flag: "wx" });
}
