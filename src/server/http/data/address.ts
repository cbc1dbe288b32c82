/**
 * How the keys of a keyspace are called from outside. Inside, a key of the keyspace `carts` begins with `carts:`, which is
 * how Redis clients write it and how requests find their shard (`RoutingTable.keyspaceOfKey`); here the path names the
 * keyspace, and keys go without. Keys of the default keyspace have no such beginning.
 */
import { DEFAULT_KEYSPACE } from "../../../node/catalog/state.ts";

const COLON = 0x3a;

export class Addressing {
  readonly keyspace: string;
  readonly #prefix: Uint8Array;
  readonly #others: ReadonlySet<string>;

  constructor(keyspace: string, keyspaces: readonly { readonly name: string }[]) {
    this.keyspace = keyspace;
    this.#prefix = keyspace === DEFAULT_KEYSPACE ? new Uint8Array(0) : Buffer.from(`${keyspace}:`);
    this.#others = new Set(keyspaces.map(({ name }) => name).filter((name) => name !== keyspace));
  }

  /** The key as the shards know it; null: by that key, they would take it for another keyspace's (`owner`). */
  inside(key: Uint8Array): Uint8Array | null {
    if (this.#prefix.length > 0) return Buffer.concat([this.#prefix, key]);
    return this.owner(key) === null ? key : null;
  }

  /** What all its keys that begin with `prefix` begin with inside. */
  insidePrefix(prefix: Uint8Array): Uint8Array {
    return Buffer.concat([this.#prefix, prefix]);
  }

  /** Null: nobody can reach the key by this keyspace; it was here before the keyspace that its beginning names now. */
  outside(key: Uint8Array): Uint8Array | null {
    if (this.#prefix.length > 0) {
      const begins = Buffer.compare(key.subarray(0, this.#prefix.length), this.#prefix) === 0;
      return begins ? key.subarray(this.#prefix.length) : null;
    }
    return this.owner(key) === null ? key : null;
  }

  /** The other keyspace whose name stands before the first colon. */
  owner(key: Uint8Array): string | null {
    const colon = key.indexOf(COLON);
    if (colon <= 0) return null;
    const name = Buffer.from(key.subarray(0, colon)).toString("latin1");
    return this.#others.has(name) ? name : null;
  }
}
