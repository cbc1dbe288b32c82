/** The typed client, as an application uses it: one for many callers. */
import type { Lane, OperationFailure } from "../../bench/generator.ts";
import { keyNames, memberName, valuesOf } from "../../bench/names.ts";
import type { PlannedOperation } from "../../bench/plan.ts";
import type { BenchSettings } from "../../bench/settings.ts";
import { type Codec, connect, counter, register, set, text } from "../../client/index.ts";
import { ERRORS, KvorumError } from "../../core/errors.ts";
import type { Replication } from "../../node/api.ts";
import { formatAddress } from "../../server/notation.ts";
import { CliError, EXIT, messageOf } from "../failure.ts";
import { remote } from "../login.ts";
import type { LoadedCluster } from "./cluster.ts";

export interface TypedLane extends Lane {
  close(): void;
}

/** Bytes as they are, without the copies that protect an application from itself. */
const RAW: Codec<Uint8Array> = { name: "raw", encode: (value) => value, decode: (value) => value };

/** Rejects with a `CliError`. */
export async function typedLane(settings: BenchSettings, cluster: LoadedCluster): Promise<TypedLane> {
  try {
    return await openLane(settings, cluster);
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    const exitCode = error.code === "unreachable" ? EXIT.unreachable : EXIT.failed;
    throw new CliError(error.message, error.hint, exitCode, error);
  }
}

async function openLane(settings: BenchSettings, cluster: LoadedCluster): Promise<TypedLane> {
  const { keyspace, workload, consistency } = settings;
  const { login, ca } = remote();
  const url = `${ca === null ? "kvorum" : "kvorums"}://${cluster.addresses.map(formatAddress).join(",")}`;
  const options = {
    ...(login === null ? {} : login),
    ...(ca === null ? {} : { tls: { ca } }),
    ...(consistency === null ? {} : { consistency }),
  };
  const name = keyNames(settings);
  const merging = mergingOf(cluster.replication);
  switch (workload) {
    case "incr": {
      const declared = merging === null ? counter() : counter({ replication: merging });
      const db = await connect(url, { ...options, keyspaces: { [keyspace]: declared } });
      const counters = db[keyspace]!;
      return laneOf(db, ({ kind, key }) =>
        kind === "del" ? counters.delete(name(key)) : counters.increment(name(key)),
      );
    }
    case "sadd": {
      const codec = text();
      const declared = merging === null ? set({ codec }) : set({ codec, replication: merging });
      const db = await connect(url, { ...options, keyspaces: { [keyspace]: declared } });
      const sets = db[keyspace]!;
      return laneOf(db, ({ kind, key, item }) =>
        kind === "del" ? sets.clear(name(key)) : sets.add(name(key), memberName(item)),
      );
    }
    default: {
      const declared =
        merging === null ? register({ codec: RAW }) : register({ codec: RAW, replication: merging });
      const db = await connect(url, { ...options, keyspaces: { [keyspace]: declared } });
      const registers = db[keyspace]!;
      const value = valuesOf(settings);
      return laneOf(db, ({ kind, key, item }): Promise<unknown> => {
        if (kind === "get") return registers.get(name(key));
        if (kind === "del") return registers.delete(name(key));
        return registers.set(name(key), Buffer.from(value(item), "latin1"));
      });
    }
  }
}

const mergingOf = (replication: Replication | null): "gossip" | "quorum" | null =>
  replication === null || replication === "raft" ? null : replication;

function laneOf(db: { close(): void }, call: (operation: PlannedOperation) => Promise<unknown>): TypedLane {
  return {
    send: (operation, done) => void settle(call(operation), done),
    close: () => db.close(),
  };
}

async function settle(
  answer: Promise<unknown>,
  done: (failure: OperationFailure | null) => void,
): Promise<void> {
  let failure: OperationFailure | null = null;
  try {
    await answer;
  } catch (error) {
    failure = failureOf(error);
  }
  done(failure);
}

function failureOf(error: unknown): OperationFailure {
  const detail = messageOf(error);
  if (!(error instanceof KvorumError)) return { code: "internal", definite: false, detail };
  return { code: error.code, definite: ERRORS[error.code].definite, detail };
}
