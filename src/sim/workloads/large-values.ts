/** Registers with values of up to a fifth of a mebibyte: they come in many frames, and logs and snapshots fill quickly. */
import type { HistoryKey } from "../history/event.ts";
import {
  commandCall,
  numberedKeys,
  pick,
  textOf,
  type MakeWorkload,
  type PlannedOperation,
} from "./workload.ts";

const MOST_BYTES = 200_000;

/** The name once, then up to the size; so that a value that lost or mixed up a part is not taken for itself. */
function valueOf(name: string): string {
  const [, size] = name.split(":");
  return `${name}|`.repeat(Math.ceil(Number(size) / (name.length + 1))).slice(0, Number(size));
}

/** The history holds names; a value that is not what its name says is shown as damaged. */
function nameOf(value: string | null): string | null {
  if (value === null) return null;
  const name = value.slice(0, value.indexOf("|"));
  return valueOf(name) === value ? name : `damaged value of ${value.length} bytes: ${value.slice(0, 40)}`;
}

const read = (key: HistoryKey): PlannedOperation => ({
  f: "read",
  key,
  value: null,
  calls: [commandCall("get", String(key))],
  output: (replies) => nameOf(textOf(replies?.[0])),
});

export const largeValues: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "large-values",
    model: "register",
    keys,
    pause: 150,
    valueBytes: MOST_BYTES,
    plan(dice, unique) {
      const key = pick(dice, keys);
      if (dice.next() < 0.4) return read(key);
      // Most are of moderate size: cubed, so that all sizes come.
      const name = `v${unique}:${100 + Math.floor(dice.next() ** 3 * MOST_BYTES)}`;
      return {
        f: "write",
        key,
        value: name,
        calls: [commandCall("set", key, valueOf(name))],
        output: () => null,
      };
    },
    lastRead: read,
  };
};
