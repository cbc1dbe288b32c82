/**
 * The session guarantees of Terry and others ("Session guarantees for weakly consistent replicated data", 1994), one
 * checker each. They need more than values: every `ok` must carry `version`, a number that grows with every write of its
 * key (0: the key does not exist). For a write it is the version that the write made, for a read the one that it saw. A
 * `read` is the function named read; every other function that carries a version counts as a write. Operations without a
 * version, or whose outcome is unknown, are passed over. A session is the operations' `session`, or else their process.
 */
import { describeOperation } from "../history/describe.ts";
import type { Operation } from "../history/event.ts";
import { token } from "./models/arguments.ts";
import { ACCEPTED, refused, undecided, worst, type Verdict } from "./verdict.ts";

/** A read sees every earlier write of its own session. */
export function checkReadYourWrites(operations: readonly Operation[]): Verdict {
  return checkPairs(operations, {
    first: "write",
    second: "read",
    broken: (write, read) => read.version < write.version,
    problem: "a session does not read its own write",
  });
}

/** A read sees no older version than an earlier read of its session. */
export function checkMonotonicReads(operations: readonly Operation[]): Verdict {
  return checkPairs(operations, {
    first: "read",
    second: "read",
    broken: (earlier, later) => later.version < earlier.version,
    problem: "a session reads an older version than it has read before",
  });
}

/** The writes of a session take effect in its order. */
export function checkMonotonicWrites(operations: readonly Operation[]): Verdict {
  return checkPairs(operations, {
    first: "write",
    second: "write",
    broken: (earlier, later) => later.version <= earlier.version,
    problem: "the writes of a session are ordered against the session",
  });
}

/** A write comes after what its session has read before. */
export function checkWritesFollowReads(operations: readonly Operation[]): Verdict {
  return checkPairs(operations, {
    first: "read",
    second: "write",
    broken: (read, write) => write.version <= read.version,
    problem: "a write is ordered before what its session had read",
  });
}

/** All four. */
export function checkSessionGuarantees(operations: readonly Operation[]): Verdict {
  return worst([
    checkReadYourWrites(operations),
    checkMonotonicReads(operations),
    checkMonotonicWrites(operations),
    checkWritesFollowReads(operations),
  ]);
}

type Versioned = Operation & { readonly version: number };
type Kind = "read" | "write";

interface Rule {
  readonly first: Kind;
  readonly second: Kind;
  broken(first: Versioned, second: Versioned): boolean;
  readonly problem: string;
}

/** Compares every `second` with the greatest version among the `first`s that its session had completed before it. */
function checkPairs(operations: readonly Operation[], rule: Rule): Verdict {
  let compared = false;
  for (const session of sessionsOf(operations)) {
    const byCall = [...session].sort((a, b) => a.call - b.call);
    const byReturn = [...session].sort((a, b) => a.return - b.return);
    let greatest: Versioned | null = null;
    let completed = 0;
    for (const operation of byCall) {
      for (; byReturn[completed]!.return < operation.call; completed++) {
        const earlier = byReturn[completed]!;
        if (kindOf(earlier) === rule.first && (greatest === null || earlier.version > greatest.version)) {
          greatest = earlier;
        }
      }
      if (greatest === null || kindOf(operation) !== rule.second) continue;
      compared = true;
      if (!rule.broken(greatest, operation)) continue;
      return refused(
        `session ${JSON.stringify(operation.session)}, key ${token(operation.key)}: ${rule.problem}`,
        [describeVersioned(greatest), describeVersioned(operation)],
        [greatest, operation],
      );
    }
  }
  return compared
    ? ACCEPTED
    : undecided(`no session has a ${rule.second} after a ${rule.first} of the same key with versions`);
}

/** The versioned operations of each session and key. */
function sessionsOf(operations: readonly Operation[]): Iterable<readonly Versioned[]> {
  const sessions = new Map<string, Versioned[]>();
  for (const operation of operations) {
    if (operation.outcome !== "ok" || !isVersioned(operation)) continue;
    const key = `${token(operation.session)} ${token(operation.key)}`;
    const session = sessions.get(key);
    if (session === undefined) sessions.set(key, [operation]);
    else session.push(operation);
  }
  return sessions.values();
}

function isVersioned(operation: Operation): operation is Versioned {
  return operation.version !== undefined;
}

function kindOf(operation: Operation): Kind {
  return operation.f === "read" ? "read" : "write";
}

function describeVersioned(operation: Versioned): string {
  return `${describeOperation(operation)}, version ${operation.version}`;
}
