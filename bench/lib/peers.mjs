/** The stores that Kvorum is compared with: how three processes of each are started, and what each promises. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** The jar names what else it needs. */
const ZOOKEEPER_JAR = "/usr/share/java/zookeeper.jar";
const HOST = "127.0.0.1";
const NODES = [0, 1, 2];

/** Debian keeps some of them where only root looks. */
const FOLDERS = [...process.env["PATH"].split(delimiter), "/usr/sbin"];
/** The program's path, or undefined. */
export const locate = (program) =>
  FOLDERS.map((folder) => join(folder, program)).find((path) => existsSync(path));

/** The file's path; its lines are written to it. */
function config(directory, name, lines) {
  const path = join(directory, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/**
 * For each: `missing` gives the Debian packages that are to be installed, or null; `commands(directory, port)` the three
 * processes, as [program, ...arguments], with ports from `port` on; `clientPorts(port)` where clients connect; `load` what the
 * generator has to know.
 */
export const PEERS = {
  etcd: {
    title: "etcd",
    version: ["etcd", "--version"],
    promise: "linearizable; fsync on a majority before the answer",
    reads: "linearizable",
    missing: () => (locate("etcd") ? null : "etcd-server"),
    clientPorts: (port) => NODES.map((i) => port + i),
    commands(directory, port) {
      const peer = (i) => `http://${HOST}:${port + 10 + i}`;
      const client = (i) => `http://${HOST}:${port + i}`;
      const cluster = NODES.map((i) => `n${i}=${peer(i)}`).join(",");
      const flags = (i) => ({
        name: `n${i}`,
        "data-dir": join(directory, `n${i}`),
        "log-level": "error",
        "listen-client-urls": client(i),
        "advertise-client-urls": client(i),
        "listen-peer-urls": peer(i),
        "initial-advertise-peer-urls": peer(i),
        "initial-cluster": cluster,
        "initial-cluster-state": "new",
      });
      return NODES.map((i) => [
        "etcd",
        ...Object.entries(flags(i)).map(([name, value]) => `--${name}=${value}`),
      ]);
    },
    load: { protocol: "etcd" },
  },
  redis: {
    title: "Redis + WAIT 1",
    version: ["redis-server", "--version"],
    promise:
      "fsync on two of three before the answer; no consensus: a failover may lose it; not linearizable",
    reads: "of the primary, not linearizable",
    missing: () => (locate("redis-server") ? null : "redis-server"),
    clientPorts: (port) => [port],
    commands(directory, port) {
      return NODES.map((i) => {
        const folder = join(directory, `n${i}`);
        mkdirSync(folder);
        const path = config(directory, `n${i}.conf`, [
          `bind ${HOST}`,
          `port ${port + i}`,
          `dir ${folder}`,
          'save ""',
          "appendonly yes",
          "appendfsync always",
          "loglevel warning",
          "repl-diskless-sync-delay 0",
          ...(i === 0 ? [] : [`replicaof ${HOST} ${port}`]),
        ]);
        return ["redis-server", path];
      });
    },
    load: { protocol: "resp", wait: 1, replicas: 2 },
  },
  nats: {
    title: "NATS JetStream R3",
    version: ["nats-server", "--version"],
    promise: "in memory on a majority before the answer; fsync every two minutes",
    reads: "of any replica, may be stale",
    missing: () => (locate("nats-server") ? null : "nats-server"),
    clientPorts: (port) => NODES.map((i) => port + i),
    commands(directory, port) {
      const routes = NODES.map((i) => `nats://${HOST}:${port + 10 + i}`).join(", ");
      return NODES.map((i) => {
        const path = config(directory, `n${i}.conf`, [
          `server_name: n${i}`,
          `listen: "${HOST}:${port + i}"`,
          `jetstream { store_dir: "${join(directory, `n${i}`)}" }`,
          `cluster { name: bench, listen: "${HOST}:${port + 10 + i}", routes: [${routes}] }`,
        ]);
        return ["nats-server", "-c", path];
      });
    },
    load: { protocol: "nats" },
  },
  zookeeper: {
    title: "ZooKeeper",
    version: null,
    promise: "linearizable writes; fsync on a majority before the answer",
    reads: "of any server, may be stale",
    missing: () => (locate("java") && existsSync(ZOOKEEPER_JAR) ? null : "zookeeper default-jre-headless"),
    clientPorts: (port) => NODES.map((i) => port + i),
    commands(directory, port) {
      const servers = NODES.map((i) => `server.${i + 1}=${HOST}:${port + 10 + i}:${port + 20 + i}`);
      return NODES.map((i) => {
        const folder = join(directory, `n${i}`);
        mkdirSync(folder);
        config(folder, "myid", [String(i + 1)]);
        const path = config(directory, `n${i}.cfg`, [
          "tickTime=2000",
          "initLimit=10",
          "syncLimit=5",
          "maxClientCnxns=0",
          "admin.enableServer=false",
          `dataDir=${folder}`,
          `clientPortAddress=${HOST}`,
          `clientPort=${port + i}`,
          ...servers,
        ]);
        return [
          "java",
          "-Xmx1g",
          "-cp",
          ZOOKEEPER_JAR,
          "org.apache.zookeeper.server.quorum.QuorumPeerMain",
          path,
        ];
      });
    },
    load: { protocol: "zookeeper" },
  },
};
