/** What a simulated file holds: as processes see it, and as it would be after a power failure. */
import type { Random } from "../../core/world.ts";
import type { DiskFaults } from "./disk-faults.ts";
import { SparseBytes } from "./sparse-bytes.ts";

export type Change =
  | { readonly type: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly type: "truncate"; readonly length: number };

export class SimulatedContent {
  #visible = new SparseBytes();
  #durable = new SparseBytes();
  /** In the cache only, in order. After a failed sync there can be more of that than this list knows. */
  #unsynced: Change[] = [];

  /** `size` zeros, durable. */
  constructor(size: number) {
    this.#visible.resize(size);
    this.#durable.resize(size);
  }

  get size(): number {
    return this.#visible.size;
  }

  read(position: number, length: number): Uint8Array {
    return this.#visible.read(position, length);
  }

  change(change: Change): void {
    applyTo(this.#visible, change);
    this.#unsynced.push(change);
  }

  sync(): void {
    for (const change of this.#unsynced) applyTo(this.#durable, change);
    this.#unsynced = [];
  }

  /**
   * A sync that fails leaves its pages in the cache and marks them clean: readers see them, later syncs succeed without
   * writing them, a power failure loses them (the "fsyncgate" of 2018).
   */
  failSync(random: Random, faults: DiskFaults): void {
    this.#settle(random, faults);
  }

  /** Each unsynced change survives by lot; the cache is gone. */
  powerFailure(random: Random, faults: DiskFaults): void {
    this.#settle(random, faults);
    this.#visible = this.#durable.clone();
  }

  /** Changes the bytes beneath everybody: damage at rest, or a test that plants something. */
  overwrite(position: number, bytes: Uint8Array): void {
    this.#visible.write(position, bytes);
    this.#durable.write(position, bytes);
  }

  #settle(random: Random, faults: DiskFaults): void {
    for (const change of this.#unsynced) {
      const lot = random.next();
      if (lot < faults.survival.whole) applyTo(this.#durable, change);
      else if (lot < faults.survival.whole + faults.survival.torn) {
        for (const part of tear(change, random, faults.sectorBytes)) applyTo(this.#durable, part);
      }
    }
    this.#unsynced = [];
  }
}

function applyTo(content: SparseBytes, change: Change): void {
  if (change.type === "write") content.write(change.position, change.bytes);
  else content.resize(change.length);
}

/** The sectors of a write that survive: half of the time a first part, half of the time any of them. */
export function tear(change: Change, random: Random, sectorBytes: number): readonly Change[] {
  if (change.type === "truncate") return [];
  const { position, bytes } = change;
  const end = position + bytes.length;
  const first = Math.floor(position / sectorBytes);
  const count = Math.ceil(end / sectorBytes) - first;
  const kept = Math.floor(random.next() * (count + 1));
  const inOrder = random.next() < 0.5;
  const parts: Change[] = [];
  for (let i = 0; i < count; i++) {
    if (inOrder ? i >= kept : random.next() < 0.5) continue;
    const from = Math.max(position, (first + i) * sectorBytes);
    const to = Math.min(end, (first + i + 1) * sectorBytes);
    parts.push({ type: "write", position: from, bytes: bytes.subarray(from - position, to - position) });
  }
  return parts;
}
