/** Whom a node takes for its peers: the members in its catalog, or what others told when that is newer. */
import type { NodeId } from "../core/ids.ts";
import type { Address, Transport } from "../core/world.ts";
import type { Catalog, CatalogNode } from "./catalog/state.ts";
import type { EstablishedIdentity, Formation, KnownMembers } from "./formation.ts";

export interface PeerBookHost {
  readonly identity: EstablishedIdentity;
  readonly transport: Pick<Transport, "setPeers">;
  readonly formation: Pick<Formation, "askMembers">;
  catalog(): Catalog;
  /** The members may have changed. */
  onMembers(members: readonly CatalogNode[]): void;
}

export class PeerBook {
  readonly #host: PeerBookHost;
  #peersKey = "";
  /** What others told about the members, when it is newer than the catalog here. */
  #heard: KnownMembers | null = null;

  constructor(host: PeerBookHost) {
    this.#host = host;
  }

  /** Tells the transport whom it should be connected to. */
  update(): void {
    const { identity, transport } = this.#host;
    const heard = this.#heard;
    const newer = heard !== null && heard.version > this.#host.catalog().version;
    const members = newer ? heard.members : this.#known();
    this.#host.onMembers(members);
    const peers = peersOf(members, identity.node);
    const key = JSON.stringify([...peers]);
    if (key === this.#peersKey) return;
    this.#peersKey = key;
    transport.setPeers(peers);
  }

  /** The system group has had no leader for a while: perhaps one leads it whom this node does not know yet. */
  askWhoIsThere(): void {
    const { identity, formation } = this.#host;
    const addresses = [...peersOf(this.#known(), identity.node).values()];
    formation.askMembers(addresses, (heard) => {
      const newest = Math.max(this.#host.catalog().version, this.#heard?.version ?? 0);
      if (heard.cluster !== identity.cluster || heard.version <= newest) return;
      this.#heard = heard;
      this.update();
    });
  }

  #known(): readonly CatalogNode[] {
    const catalog = this.#host.catalog();
    return catalog.version > 0 ? catalog.nodes : this.#host.identity.members;
  }
}

export const peersOf = (members: readonly CatalogNode[], self: NodeId): Map<NodeId, Address> =>
  new Map(members.filter((member) => member.id !== self).map((member) => [member.id, member.peer]));
