/** Operations as RESP, made of pieces that are put together once. */
import { keyNames, memberName, valuesOf } from "../../bench/names.ts";
import type { OperationKind, PlannedOperation } from "../../bench/plan.ts";
import type { BenchSettings } from "../../bench/settings.ts";

/** In any other keyspace than the default one, keys begin with its name. */
export function encoderFor(settings: BenchSettings): (operation: PlannedOperation) => string {
  const { keyspace } = settings;
  const inside = keyNames(settings);
  const name = keyspace === "default" ? inside : (key: number) => `${keyspace}:${inside(key)}`;
  const value = valuesOf(settings);
  const keyLength = Buffer.byteLength(name(0));
  const head = (words: number, command: string) =>
    `*${words}\r\n$${command.length}\r\n${command}\r\n$${keyLength}\r\n`;
  const heads: Readonly<Record<OperationKind, string>> = {
    get: head(2, "GET"),
    set: head(3, "SET"),
    incr: head(2, "INCR"),
    sadd: head(3, "SADD"),
    del: head(2, "DEL"),
  };
  const valueHead = `\r\n$${settings.valueSize}\r\n`;
  const memberHead = `\r\n$${memberName(0).length}\r\n`;
  return ({ kind, key, item }) => {
    const start = heads[kind] + name(key);
    switch (kind) {
      case "set":
        return `${start}${valueHead}${value(item)}\r\n`;
      case "sadd":
        return `${start}${memberHead}${memberName(item)}\r\n`;
      default:
        return `${start}\r\n`;
    }
  };
}
