/** Sets: elements are added, removed, looked for, and read as a whole. */
import { SetReply } from "../../core/reply.ts";
import type { HistoryKey } from "../history/event.ts";
import {
  commandCall,
  numberedKeys,
  pick,
  textOf,
  type MakeWorkload,
  type PlannedOperation,
} from "./workload.ts";

/** Few enough that elements come and go often. */
const REMOVABLE = ["a", "b", "c"];

export const readSet = (key: HistoryKey): PlannedOperation => ({
  f: "read",
  key,
  value: null,
  calls: [commandCall("smembers", String(key))],
  output: (replies) => {
    const reply = replies?.[0];
    return reply instanceof SetReply ? reply.members.map(textOf) : [];
  },
});

export const onElement = (f: string, command: string, key: string, element: string): PlannedOperation => ({
  f,
  key,
  value: element,
  calls: [commandCall(command, key, element)],
  output: (replies) => replies?.[0] === 1,
});

export const sets: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "sets",
    model: "set",
    keys,
    pause: 20,
    plan(dice, unique) {
      const key = pick(dice, keys);
      const chance = dice.next();
      if (chance < 0.2) return onElement("add", "sadd", key, `e${unique}`);
      if (chance < 0.4) return onElement("add", "sadd", key, pick(dice, REMOVABLE));
      if (chance < 0.6) return onElement("remove", "srem", key, pick(dice, REMOVABLE));
      if (chance < 0.85) return onElement("contains", "sismember", key, pick(dice, REMOVABLE));
      return readSet(key);
    },
    lastRead: readSet,
  };
};
