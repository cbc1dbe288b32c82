/** Which keyspace and group a key belongs to, derived from the catalog once per change. */
import { binaryString } from "../core/bytes.ts";
import type { GroupId } from "../core/ids.ts";
import { hashSlot, shardOfSlot } from "../placement/hash-slot.ts";
import { isMerging } from "./api.ts";
import { type Catalog, type CatalogGroup, type CatalogKeyspace, DEFAULT_KEYSPACE } from "./catalog/state.ts";

const COLON = 0x3a;
const MAX_NAME = 63;

export class RoutingTable {
  readonly catalog: Catalog;
  readonly #keyspaces: ReadonlyMap<string, CatalogKeyspace>;
  readonly #groups: ReadonlyMap<GroupId, CatalogGroup>;
  readonly #default: CatalogKeyspace | undefined;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
    this.#keyspaces = new Map(catalog.keyspaces.map((keyspace) => [keyspace.name, keyspace]));
    this.#groups = new Map(catalog.groups.map((group) => [group.id, group]));
    this.#default = this.#keyspaces.get(DEFAULT_KEYSPACE);
  }

  group(id: GroupId): CatalogGroup | undefined {
    return this.#groups.get(id);
  }

  keyspace(name: string): CatalogKeyspace | undefined {
    return this.#keyspaces.get(name);
  }

  keyspaceOfGroup(id: GroupId): CatalogKeyspace | undefined {
    const group = this.#groups.get(id);
    return group === undefined ? undefined : this.#keyspaces.get(group.keyspace);
  }

  /** The group's keyspace merges: it has no leader, and every replica takes writes. */
  merges(id: GroupId): boolean {
    const keyspace = this.keyspaceOfGroup(id);
    return keyspace !== undefined && isMerging(keyspace.replication);
  }

  /** The same, of a keyspace that its keys name: no other one can take them over. */
  mergesByName(id: GroupId): boolean {
    return this.merges(id) && this.#groups.get(id)?.keyspace !== DEFAULT_KEYSPACE;
  }

  /** The keyspace whose name stands before the first `:` where there is such a keyspace, else the default one. */
  keyspaceOfKey(key: Uint8Array): CatalogKeyspace | undefined {
    if (this.#keyspaces.size > 1) {
      const colon = key.indexOf(COLON);
      if (colon > 0 && colon <= MAX_NAME) {
        const named = this.#keyspaces.get(binaryString(key.subarray(0, colon)));
        if (named !== undefined) return named;
      }
    }
    return this.#default;
  }

  groupOfKey(keyspace: CatalogKeyspace, key: Uint8Array): GroupId {
    return keyspace.groups[shardOfSlot(hashSlot(key), keyspace.shards)]!;
  }
}
