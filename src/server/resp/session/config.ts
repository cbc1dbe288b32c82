/** CONFIG: what clients ask for at connect, answered with what is true here. Settings are made when a node is started. */
import { Failure, MapReply, OK } from "../../../core/reply.ts";
import type { RespStats } from "../options.ts";
import { compileGlob } from "../../../data/glob.ts";
import { textOf } from "../failures.ts";
import type { Session } from "../session.ts";
import { bulk, container } from "../values.ts";

export const CONFIG = container(
  {
    name: "config",
    group: "server",
    since: "2.0.0",
    summary: "A container for server configuration commands",
  },
  {
    get: {
      arity: -3,
      help: [
        "GET <pattern> [<pattern> ...]",
        "Return parameters matching the glob-like <pattern>s and their values.",
      ],
      run(session, args) {
        const matchers = args.map((pattern) => compileGlob(textOf(pattern).toLowerCase()));
        const found = parameters(session).filter(([name]) => matchers.some((matches) => matches(name)));
        return new MapReply(found.map(([name, value]) => [bulk(name), bulk(value)] as const));
      },
    },
    set: {
      arity: -4,
      admin: true,
      help: ["SET <directive> <value> ...", "Refused: settings are made when a node is started."],
      run: (_session, args) =>
        new Failure(
          `ERR CONFIG SET failed (possibly related to argument '${textOf(args[0]!)}') - ` +
            "Kvorum's settings are made when a node is started: see kvorum serve --help",
        ),
    },
    resetstat: {
      arity: 2,
      admin: true,
      help: ["RESETSTAT", "Reset the statistics reported by INFO."],
      run({ server: { stats } }) {
        for (const counter of RESET) stats[counter] = 0;
        return OK;
      },
    },
    rewrite: {
      arity: 2,
      admin: true,
      help: ["REWRITE", "Refused: there is no configuration file that Kvorum writes."],
      run: () => new Failure("ERR The server is running without a config file"),
    },
  },
);

const RESET: readonly (keyof RespStats)[] = [
  "totalConnections",
  "rejectedConnections",
  "slowClientsClosed",
  "slowSubscribersClosed",
  "idleClientsClosed",
  "protocolErrors",
  "commands",
  "errors",
  "redirects",
  "bytesIn",
  "bytesOut",
];

function parameters({ server, cluster }: Session): readonly (readonly [string, string])[] {
  const { options } = server;
  return [
    ["appendfsync", "always"],
    ["appendonly", "yes"],
    [
      "client-output-buffer-limit",
      `normal ${options.maxOutputBytes} 0 0 slave 0 0 0 pubsub ${options.maxSubscriberBytes} 0 0`,
    ],
    ["client-query-buffer-limit", String(options.maxCommandBytes)],
    ["cluster-enabled", cluster === null ? "no" : "yes"],
    ["databases", "1"],
    ["io-threads", "1"],
    ["latency-monitor-threshold", "0"],
    ["lazyfree-lazy-user-del", "yes"],
    ["lazyfree-lazy-user-flush", "yes"],
    ["maxclients", String(options.maxConnections)],
    ["maxmemory", "0"],
    ["maxmemory-policy", "noeviction"],
    ["min-replicas-to-write", "0"],
    ["notify-keyspace-events", ""],
    ["port", String(server.port)],
    ["proto-max-bulk-len", String(options.maxBulkBytes)],
    ["requirepass", ""],
    ["save", ""],
    ["slowlog-log-slower-than", "-1"],
    ["slowlog-max-len", "0"],
    ["tcp-keepalive", String(Math.round(options.keepAlive / 1000))],
    ["timeout", String(Math.round(options.idleTimeout / 1000))],
  ];
}
