import { describe, expect, test } from "vitest";
import { contradictions, defaultOptions, formatAddress, type ServerOptions } from "../options.ts";
import { planProblems, planProcesses } from "./plan.ts";

const machine = (changes: Partial<ServerOptions>): ServerOptions =>
  defaultOptions({ name: "n1", ...changes });
const at = (name: string, host: string, port = 7412) => ({ name, host, port });
const THREE = [at("n1", "10.0.0.1"), at("n2", "10.0.0.2"), at("n3", "10.0.0.3")];

const names = (options: ServerOptions) => planProcesses(options).processes.map(({ name }) => name);
const entry = ({ initial, join }: ServerOptions) =>
  initial.length > 0
    ? `found with ${initial.map((member) => `${member.name}=${formatAddress(member)}`).join(" ")}`
    : `join ${join.map(formatAddress).join(" ")}`;
const problems = (options: ServerOptions) => planProblems(options).map(({ problem }) => problem);

describe("the processes of a machine", () => {
  test("the first keeps the name, the directory and the ports that the machine had with one process", () => {
    const { processes, shared } = planProcesses(
      machine({ processes: 3, dataDir: "/data", clusterPort: 7413 }),
    );
    expect(
      processes.map(({ name, dataDir, respPort, httpPort, peerPort, clusterPort }) => [
        name,
        dataDir,
        respPort,
        httpPort,
        peerPort,
        clusterPort,
      ]),
    ).toEqual([
      ["n1", "/data", 7414, 7411, 7412, 7413],
      ["n1.2", "/data/processes/2", 7424, 7421, 7422, 7423],
      ["n1.3", "/data/processes/3", 7434, 7431, 7432, 7433],
    ]);
    expect(shared).toEqual({ host: "127.0.0.1", port: 7410 });
  });

  test("each is one node with the machine's other options", () => {
    const options = machine({ processes: 2, logLevel: "warn", insecure: true });
    for (const process of planProcesses(options).processes) {
      expect(process).toMatchObject({ processes: 1, logLevel: "warn", insecure: true });
      expect(contradictions(process)).toEqual([]);
    }
  });

  test("they stand in the zone that is called like the machine, unless it is said where they stand", () => {
    const zones = (options: ServerOptions) => planProcesses(options).processes.map(({ zone }) => zone);
    expect(zones(machine({ processes: 2 }))).toEqual(["n1", "n1"]);
    expect(zones(machine({ processes: 2, zone: "rack-4" }))).toEqual(["rack-4", "rack-4"]);
  });

  test("any free port stays any free port", () => {
    const { processes, shared } = planProcesses(machine({ processes: 2, respPort: 0, httpPort: 0 }));
    expect(processes.map(({ respPort, httpPort }) => [respPort, httpPort])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(shared.port).toBe(0);
  });

  test("ports of their own, and how far they lie apart, can be chosen", () => {
    const options = machine({ processes: 2, processPortStride: 100, processRespPort: 9000 });
    expect(planProcesses(options).processes.map(({ respPort, peerPort }) => [respPort, peerPort])).toEqual([
      [9000, 7412],
      [9100, 7512],
    ]);
  });
});

describe("who founds", () => {
  test("one machine: all its processes together", () => {
    const { processes } = planProcesses(machine({ processes: 2 }));
    expect(processes.map(entry)).toEqual([
      "found with n1=127.0.0.1:7412 n1.2=127.0.0.1:7422",
      "found with n1=127.0.0.1:7412 n1.2=127.0.0.1:7422",
    ]);
  });

  test("others reach the processes of a machine where it says that it is reached", () => {
    const options = machine({ processes: 2, host: "0.0.0.0", advertiseHost: "kv1.example" });
    expect(entry(planProcesses(options).processes[1]!)).toBe(
      "found with n1=kv1.example:7412 n1.2=kv1.example:7422",
    );
  });

  test("three machines: the first process of each comes first, and all machines make the same list", () => {
    const list =
      "found with n1=10.0.0.1:7412 n2=10.0.0.2:7412 n3=10.0.0.3:7412 n1.2=10.0.0.1:7422 n2.2=10.0.0.2:7422 n3.2=10.0.0.3:7422";
    for (const name of ["n1", "n2", "n3"]) {
      const { processes } = planProcesses(machine({ name, processes: 2, initial: THREE }));
      expect(processes.map(entry)).toEqual([list, list]);
    }
  });

  test("machines of different sizes name every founding process; one that is not named joins", () => {
    const initial = [...THREE, at("n1.2", "10.0.0.1", 7422)];
    const options = machine({ processes: 3, initial });
    const listed = "found with n1=10.0.0.1:7412 n2=10.0.0.2:7412 n3=10.0.0.3:7412 n1.2=10.0.0.1:7422";
    expect(planProcesses(options).processes.map(entry)).toEqual([
      listed,
      listed,
      "join 10.0.0.1:7412 10.0.0.2:7412 10.0.0.3:7412 10.0.0.1:7422",
    ]);
  });

  test("a machine whose name only looks like a process is a machine", () => {
    const initial = [at("db.2", "10.0.0.2"), at("db.3", "10.0.0.3")];
    const options = machine({ name: "db.2", processes: 2, initial });
    expect(names(options)).toEqual(["db.2", "db.2.2"]);
    expect(planProcesses(options).processes[0]!.initial.map(({ name }) => name)).toEqual([
      "db.2",
      "db.3",
      "db.2.2",
      "db.3.2",
    ]);
  });

  test("a machine that joins: every process for itself, through the same members", () => {
    const options = machine({ processes: 2, join: [{ host: "10.0.0.9", port: 7412 }] });
    expect(planProcesses(options).processes.map(entry)).toEqual(["join 10.0.0.9:7412", "join 10.0.0.9:7412"]);
  });
});

describe("the keyspace that a cluster starts with", () => {
  const first = (options: ServerOptions) => planProcesses(options).processes[0]!;

  test("has as many replicas as there are machines, up to three: more would stand on the same machine", () => {
    expect(first(machine({ processes: 4 })).defaultReplicas).toBe(1);
    expect(first(machine({ processes: 4, initial: THREE.slice(0, 2) })).defaultReplicas).toBe(2);
    expect(first(machine({ processes: 4, initial: THREE })).defaultReplicas).toBe(3);
  });

  test("has shards for every process, and never fewer than with one", () => {
    expect(first(machine({ processes: 2 })).defaultShards).toBe(8);
    expect(first(machine({ processes: 16, initial: THREE })).defaultShards).toBe(192);
    expect(first(machine({ processes: 256, initial: THREE })).defaultShards).toBe(1024);
    expect(first(machine({ processes: 16, defaultShards: 5 })).defaultShards).toBe(5);
  });

  test("may have three replicas on one machine, which is said", () => {
    const options = machine({ processes: 3, defaultReplicas: 3 });
    expect(first(options).defaultReplicas).toBe(3);
    expect(problems(options)).toEqual([]);
    expect(planProcesses(options).warnings).toEqual([expect.stringContaining("not the loss of the machine")]);
    expect(planProcesses(machine({ processes: 3 })).warnings).toEqual([]);
    expect(planProcesses(machine({ processes: 3, initial: THREE })).warnings).toEqual([]);
  });

  test("cannot have more replicas than there are founding nodes", () => {
    expect(problems(machine({ defaultReplicas: 2 }))).toEqual([
      "defaultReplicas 2 needs as many founding nodes, and there are 1",
    ]);
    expect(problems(machine({ processes: 2, defaultReplicas: 2 }))).toEqual([]);
    expect(problems(machine({ defaultReplicas: 2, join: [{ host: "a", port: 1 }] }))).toEqual([]);
  });
});

describe("no such plan", () => {
  test("ports that meet", () => {
    expect(problems(machine({ processes: 2, processPortStride: 1 }))).toEqual([
      "port 7412 would be both peerPort of n1 and httpPort of n1.2",
    ]);
    expect(problems(machine({ processes: 2, processRespPort: 7410 }))).toEqual([
      "port 7410 would be both the shared RESP port and respPort of n1",
    ]);
    expect(problems(machine({ processes: 2, peerPort: 65_530 }))).toEqual([
      "peerPort of n1.2 would be 65540, which is no port",
    ]);
  });

  test("a peer port that nobody knows, a name that grows too long", () => {
    expect(problems(machine({ processes: 2, peerPort: 0 }))[0]).toMatch(/find each other by their ports/);
    expect(problems(machine({ processes: 10, name: "n".repeat(61) }))[0]).toMatch(/longer than 63/);
    expect(problems(machine({ name: "n".repeat(63), peerPort: 0 }))).toEqual([]);
  });
});
