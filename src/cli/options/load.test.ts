import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { defaultOptions } from "../../server/options.ts";
import { createStyle } from "../text/style.ts";
import { explainOptions } from "./explain.ts";
import { loadOptions, type LoadedOptions } from "./load.ts";

const directory = mkdtempSync(join(tmpdir(), "kvorum-options-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function yaml(text: string): string {
  const path = join(directory, `${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}

function load(
  flags: Record<string, unknown>,
  env: Record<string, string> = {},
  file?: string,
): LoadedOptions {
  return loadOptions({ flags: new Map(Object.entries(flags)), env, configFile: file });
}

const sourceOf = (loaded: LoadedOptions, path: string) =>
  loaded.resolved.find(({ leaf }) => leaf.path.join(".") === path)!.source;

describe("where a value comes from", () => {
  it("is the default when nobody says anything", () => {
    expect(load({}).options).toEqual(defaultOptions());
    expect(load({}).options).toMatchObject({
      name: "n1",
      host: "127.0.0.1",
      respPort: 7410,
      raft: { lease: true },
    });
  });

  it("is the flag, else the environment, else the file", () => {
    const file = yaml("respPort: 1\nhttpPort: 2\npeerPort: 3\nlimits:\n  requestTimeout: 2s\n");
    const env = { KVORUM_RESP_PORT: "11", KVORUM_HTTP_PORT: "12", KVORUM_CONFIG: "/overridden/by/the/flag" };
    const loaded = load({ respPort: "21" }, env, file);
    expect(loaded.options).toMatchObject({
      respPort: 21,
      httpPort: 12,
      peerPort: 3,
      limits: { requestTimeout: 2_000 },
    });
    expect(sourceOf(loaded, "respPort")).toBe("--resp-port");
    expect(sourceOf(loaded, "httpPort")).toBe("KVORUM_HTTP_PORT");
    expect(sourceOf(loaded, "peerPort")).toBe(`${file}:3`);
    expect(sourceOf(loaded, "limits.requestTimeout")).toBe(`${file}:5`);
    expect(sourceOf(loaded, "name")).toBe("default");
  });

  it("reads lists and switches in every form", () => {
    const expected = [
      { name: "n1", host: "127.0.0.1", port: 7412 },
      { name: "n2", host: "::1", port: 7422 },
    ];
    expect(load({ initial: ["n1=127.0.0.1:7412", "n2=[::1]:7422"] }).options.initial).toEqual(expected);
    expect(load({}, { KVORUM_INITIAL: "n1=127.0.0.1:7412, n2=[::1]:7422" }).options.initial).toEqual(
      expected,
    );
    const map = yaml('initial:\n  n1: 127.0.0.1:7412\n  n2: "[::1]:7422"\n');
    expect(load({}, {}, map).options.initial).toEqual(expected);
    expect(load({ join: "a:1,b:2" }).options.join).toEqual([
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ]);
    expect(load({ "raft.lease": "false" }).options.raft.lease).toBe(false);
    expect(load({}, { KVORUM_RAFT_LEASE: "0" }).options.raft.lease).toBe(false);
    expect(load({}, {}, yaml("raft: { lease: no }")).options.raft.lease).toBe(false);
  });

  it("takes an empty file, and a key without a value, for nothing said", () => {
    expect(load({}, {}, yaml("# nothing yet\n")).options).toEqual(defaultOptions());
    expect(load({}, {}, yaml("raft:\njoin:\n")).options).toEqual(defaultOptions());
  });
});

describe("what is refused", () => {
  it.each<[string, () => LoadedOptions, RegExp]>([
    [
      "a port out of range",
      () => load({ respPort: "70000" }),
      /respPort \(--resp-port\): "70000" is not valid; expected a port/,
    ],
    [
      "a duration without sense",
      () => load({}, { KVORUM_RAFT_HEARTBEAT_INTERVAL: "soon" }),
      /KVORUM_RAFT_HEARTBEAT_INTERVAL\): "soon".*such as 750, 750ms/,
    ],
    [
      "a malformed member",
      () => load({ initial: "n1" }),
      /initial \(--initial\): "n1" is not NAME=HOST:PORT/,
    ],
    ["a malformed address", () => load({ join: "nowhere" }), /"nowhere" is not HOST:PORT/],
    [
      "a value that a flag overrides",
      () => load({ respPort: 1 }, { KVORUM_RESP_PORT: "x" }),
      /KVORUM_RESP_PORT\): "x"/,
    ],
    [
      "an unknown variable",
      () => load({}, { KVORUM_RESPPORT: "1" }),
      /KVORUM_RESPPORT.*did you mean KVORUM_RESP_PORT\?/,
    ],
    [
      "an unknown key",
      () => load({}, {}, yaml("name: a\nrespport: 1")),
      /yaml:2\): no such option; did you mean respPort\?/,
    ],
    [
      "an unknown key of a section",
      () => load({}, {}, yaml("raft: { leese: 1 }")),
      /raft\.leese.*did you mean raft\.lease\?/,
    ],
    ["a value for a section", () => load({}, {}, yaml("raft: 5")), /raft .*a section of options/],
    ["a list for a value", () => load({}, {}, yaml("name: [a]")), /yaml:1\): \["a"\] is not valid/],
    [
      "broken YAML",
      () => load({}, {}, yaml("name: a\n  host: b")),
      /yaml:1:7: not valid YAML: Nested mappings/,
    ],
    [
      "a key given twice",
      () => load({}, {}, yaml("name: a\nname: b")),
      /not valid YAML: Map keys must be unique/,
    ],
    ["YAML that is no map", () => load({}, {}, yaml("- a")), /expected a map of options/],
    [
      "a missing file",
      () => load({}, {}, "/does/not/exist.yaml"),
      /cannot read the configuration .* no such file/,
    ],
    [
      "a foreign address",
      () => load({ host: "10.0.0.1" }),
      /"10\.0\.0\.1" can be reached from other machines.*host from --host.*insecure: true/,
    ],
    [
      "a wildcard nobody can call",
      () => load({ host: "0.0.0.0", insecure: true }),
      /every interface.*advertiseHost/,
    ],
    ["equal ports", () => load({ respPort: 7411 }), /not all different \(respPort from --resp-port\)/],
    [
      "founding and joining",
      () => load({ initial: "n1=a:1", join: "b:2" }),
      /either founds a new cluster or joins/,
    ],
    ["a founder that is not listed", () => load({ initial: "n2=a:1" }), /not this node, n1/],
    ["a founder listed twice", () => load({ initial: "n1=a:1,n1=b:1" }), /names a node twice/],
    [
      "timeouts upside down",
      () => load({ "raft.electionTimeoutMax": 200 }),
      /300 ms is over raft\.electionTimeoutMax 200 ms/,
    ],
    ["a slow heartbeat", () => load({ "raft.heartbeatInterval": 200 }), /one late heartbeat/],
  ])("%s", (_what, attempt, message) => {
    expect(attempt).toThrow(message);
  });

  it("everything at once, so that one correction is enough", () => {
    const attempt = () => load({ respPort: "a" }, { KVORUM_HTTP_PORT: "b" }, yaml("peerPort: c\n"));
    expect(attempt).toThrow(/respPort[^]*httpPort[^]*peerPort/);
  });
});

it("takes no offence at what other commands read from the environment", () => {
  expect(load({}, { KVORUM_USER: "root", KVORUM_PASSWORD: "x", KVORUM_CA: "ca.crt" }).options.name).toBe(
    "n1",
  );
});

it("allows a foreign address with TLS, and asks for all of its files", () => {
  const files = { "tls.cert": "c", "tls.key": "k", "tls.ca": "a" };
  expect(load({ host: "10.0.0.1", ...files }).options.tls).toEqual({ cert: "c", key: "k", ca: "a" });
  expect(() => load({ "tls.cert": "c" })).toThrow(/tls\.key and tls\.ca is missing.*kvorum certs dev/);
});

it("allows a foreign address once insecure is spelled out", () => {
  const { options } = load({ host: "10.0.0.1", insecure: true });
  expect(options).toMatchObject({ host: "10.0.0.1", insecure: true });
  expect(load({ host: "0.0.0.0", insecure: true, advertiseHost: "kv1.lan" }).options.advertiseHost).toBe(
    "kv1.lan",
  );
});

it("explains every value, its source and its meaning", () => {
  const text = explainOptions(load({ initial: "n1=a:1", "limits.requestTimeout": "2s" }), createStyle(false));
  expect(text).toContain("limits.requestTimeout = 2000 ms  (--limits-request-timeout, default 5000 ms)");
  expect(text).toContain("initial = n1=a:1  (--initial, default none)");
  expect(text).toContain("name = n1  (default)\n    The node's name");
  expect(text).toContain("KVORUM_RAFT_ELECTION_TIMEOUT_MIN");
});
