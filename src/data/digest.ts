/** Tells apart the requests that callers send under one idempotency key: by mistake, not with intent. */
import type { Operation } from "./batch.ts";
import type { CommandCall } from "./contract.ts";

const FNV_OFFSETS = [0x811c9dc5, 0x050c5d1f] as const;
const FNV_PRIME = 0x01000193;

/** Eight bytes as a binary string: FNV-1a twice, from two offsets. Lengths count, so that arguments cannot run together. */
export function digestOf(operation: Operation): string {
  return FNV_OFFSETS.map((offset) => {
    let hash: number = offset;
    const add = (byte: number): void => {
      hash = Math.imul(hash ^ byte, FNV_PRIME);
    };
    const addNumber = (value: number): void => {
      for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) add(rest % 256);
      add(0xff);
    };
    const addCall = ({ spec, args }: CommandCall): void => {
      addNumber(spec.id);
      for (const arg of args) {
        addNumber(arg.length);
        for (const byte of arg) add(byte);
      }
    };
    if (operation.kind === "command") addCall(operation);
    else {
      for (const { key, version } of operation.watched) {
        addNumber(version);
        for (const byte of key) add(byte);
      }
      for (const call of operation.calls) addCall(call);
    }
    return String.fromCharCode(hash >>> 24, (hash >>> 16) & 0xff, (hash >>> 8) & 0xff, hash & 0xff);
  }).join("");
}
