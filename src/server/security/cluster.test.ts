/** Nodes that found a cluster over mutual TLS, each with the password of the first administrator. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePorts } from "../../chaos/free-ports.ts";
import { TestAuthority } from "../../cli/certs/certs.testkit.ts";
import { defaultOptions } from "../options.ts";
import { memoryLog } from "../resp/client.testkit.ts";
import { type RunningServer, startServer } from "../start-server.ts";

const directory = mkdtempSync(join(tmpdir(), "kvorum-cluster-"));
const servers: RunningServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  rmSync(directory, { recursive: true });
});

test("they become one cluster with one administrator, and trust nobody meanwhile", async () => {
  const authority = new TestAuthority();
  const { log, lines } = memoryLog();
  const names = ["n1", "n2", "n3"];
  const ports = await freePorts(names.length);
  const initial = names.map((name, i) => ({ name, host: "127.0.0.1", port: ports[i]! }));
  const adminPasswordFile = join(directory, "admin.password");
  writeFileSync(adminPasswordFile, "correct horse battery\n");
  for (const [i, name] of names.entries()) {
    const material = authority.node();
    const path = (kind: string): string => join(directory, `${name}.${kind}`);
    for (const kind of ["cert", "key", "ca"] as const) writeFileSync(path(kind), material[kind]);
    const tls = { cert: path("cert"), key: path("key"), ca: path("ca") };
    const doors = { respPort: 0, httpPort: 0, peerPort: ports[i]! };
    const options = defaultOptions({
      name,
      dataDir: path("data"),
      initial,
      adminPasswordFile,
      tls,
      ...doors,
    });
    servers.push(await startServer(options, log, "0.0.0-test"));
  }
  await Promise.all(servers.map((server) => server.administered));
  for (const { node } of servers) expect(node.users().map(({ name }) => name)).toEqual(["admin"]);
  const verifiers = new Set(servers.map(({ node }) => node.users()[0]!.verifier));
  expect(verifiers.size).toBe(1);
  expect(lines.filter(({ message }) => message === "made the first administrator")).toHaveLength(1);
}, 30_000);
