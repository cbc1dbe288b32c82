/**
 * Bounded staleness: a read shows every write that was acknowledged a given time before the read was invoked (Terry and others,
 * "Consistency-based service level agreements", 2013). Needs versions as `sessions.ts` does.
 */
import { describeOperation } from "../history/describe.ts";
import type { Operation } from "../history/event.ts";
import { partitionByKey } from "./models/arguments.ts";
import { ACCEPTED, refused, undecided, worst, type Verdict } from "./verdict.ts";

/** `bound`: milliseconds of the history. Reads are the operations named `f`; all others that carry a version are writes. */
export function checkBoundedStaleness(operations: readonly Operation[], f: string, bound: number): Verdict {
  const known = operations.filter(({ outcome, version }) => outcome === "ok" && version !== undefined);
  const verdicts = partitionByKey(known).map((part) => checkKey(part.operations, f, bound));
  return verdicts.length === 0 ? undecided("no operation carries a version") : worst(verdicts);
}

function checkKey(operations: readonly Operation[], f: string, bound: number): Verdict {
  const writes = operations.filter((each) => each.f !== f).sort((a, b) => a.completed - b.completed);
  const reads = operations.filter((each) => each.f === f).sort((a, b) => a.invoked - b.invoked);
  let newest: Operation | null = null;
  let next = 0;
  for (const read of reads) {
    for (; next < writes.length && writes[next]!.completed < read.invoked - bound; next++) {
      if (newest === null || writes[next]!.version! > newest.version!) newest = writes[next]!;
    }
    if (newest !== null && read.version! < newest.version!) {
      return refused(
        `a read shows a state from before a write that had been acknowledged more than ${bound} ms earlier`,
        [describeOperation(newest), describeOperation(read)],
        [newest, read],
      );
    }
  }
  return ACCEPTED;
}
