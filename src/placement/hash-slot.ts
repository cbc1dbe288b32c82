/**
 * Which shard a key belongs to. Slots are those of Redis Cluster (CRC-16/XMODEM modulo 16384, with {tag} hashing), so a
 * cluster-aware client computes the same; a keyspace divides the slots evenly among its shards.
 */
export const SLOTS = 16384;

const TABLE = /* @__PURE__ */ makeTable();

function makeTable(): Uint16Array {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = crc & 0xffff;
  }
  return table;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The slot of a key: of what stands between the first `{` and the next `}`, if anything does, else of the whole key. */
export function hashSlot(key: Uint8Array): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf(OPEN);
  if (open >= 0) {
    const close = key.indexOf(CLOSE, open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ key[i]!]!;
  return crc & (SLOTS - 1);
}

/** The shard, from 0, that owns a slot when `shards` divide the slots into even, contiguous ranges. */
export function shardOfSlot(slot: number, shards: number): number {
  return Math.floor((slot * shards) / SLOTS);
}

/** The slots of a shard: the first and the last of them. `shards` is at most `SLOTS`. */
export function slotsOfShard(
  shard: number,
  shards: number,
): { readonly first: number; readonly last: number } {
  const firstOf = (number: number): number => Math.ceil((number * SLOTS) / shards);
  return { first: firstOf(shard), last: firstOf(shard + 1) - 1 };
}
