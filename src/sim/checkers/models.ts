/** The kinds of objects that the checkers know, by name. */
import type { ObjectKind } from "./model.ts";
import { partitionByKey } from "./models/arguments.ts";
import { counterModel } from "./models/counter.ts";
import { isSingleRegister, kvModel, partitionKv } from "./models/kv.ts";
import { listModel } from "./models/list-append.ts";
import { registerModel } from "./models/register.ts";
import { partitionSet, setModel } from "./models/set.ts";
import { refuteSequentialRegisters } from "./sequential-register.ts";
import { decideUniqueRegister } from "./unique-register.ts";
import { decideGrowingList } from "./growing-list.ts";
import { decideGrowingSet } from "./growing-set.ts";
import { kvByKey, registerWindow, setByElement } from "./weaker.ts";

export const MODEL_NAMES = ["register", "counter", "set", "list", "kv"] as const;

export type ModelName = (typeof MODEL_NAMES)[number];

export const MODELS: Readonly<Record<ModelName, ObjectKind>> = {
  register: {
    name: "register",
    partition: partitionByKey,
    model: registerModel,
    shortcut: decideUniqueRegister,
    window: registerWindow,
    refuteSequential: refuteSequentialRegisters,
  },
  counter: { name: "counter", partition: partitionByKey, model: counterModel },
  set: {
    name: "set",
    partition: partitionSet,
    model: setModel,
    shortcut: decideGrowingSet,
    weaken: setByElement,
  },
  list: { name: "list", partition: partitionByKey, model: listModel, shortcut: decideGrowingList },
  kv: {
    name: "kv",
    partition: partitionKv,
    // A map that only ever sees operations of one key at a time has come apart into registers.
    model: (operations) => (isSingleRegister(operations) ? registerModel() : kvModel(operations)),
    shortcut: (operations) => (isSingleRegister(operations) ? decideUniqueRegister(operations) : null),
    weaken: (operations) => (isSingleRegister(operations) ? [] : kvByKey(operations)),
    window: (operations, line, width) =>
      isSingleRegister(operations) ? registerWindow(operations, line, width) : [],
    refuteSequential: (operations) => isSingleRegister(operations) && refuteSequentialRegisters(operations),
  },
};

export function isModelName(name: string): name is ModelName {
  return (MODEL_NAMES as readonly string[]).includes(name);
}
