/** The identity file of a data directory, with what this layer adds to it: the members known when it was written. */
import { DiskError, type Disk, type Done, type Random } from "../core/world.ts";
import { checkIdentity, readIdentity, writeIdentity } from "../storage/identity.ts";
import type { CatalogNode } from "./catalog/state.ts";
import type { Identity } from "./formation.ts";

/**
 * The directory's identity; a new one, durable when done, if it has none. Errors: another node's directory, a newer
 * format, a damaged file.
 */
export function loadIdentity(disk: Disk, name: string, random: Random, done: Done<Identity>): void {
  readIdentity(disk, (error, stored) => {
    if (error !== null) {
      done(error);
      return;
    }
    if (stored === null || stored === undefined) {
      createIdentity(disk, name, random, done);
      return;
    }
    const { members, founding } = stored;
    const refusal = checkIdentity(stored, { name });
    if (refusal !== null) done(refusal);
    else if (!Array.isArray(members) || typeof founding !== "boolean") {
      done(
        new DiskError(
          "corrupt",
          "identity.json",
          `"members" or "founding" is missing. Restore the file from a backup.`,
        ),
      );
    } else {
      const { instance, cluster, node } = stored;
      done(null, { name, instance, cluster, node, members: members as readonly CatalogNode[], founding });
    }
  });
}

export function saveIdentity(disk: Disk, identity: Identity, done: Done): void {
  writeIdentity(disk, { ...identity }, done);
}

function createIdentity(disk: Disk, name: string, random: Random, done: Done<Identity>): void {
  const instance = [...random.bytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const identity: Identity = { name, instance, cluster: null, node: null, members: [], founding: false };
  saveIdentity(disk, identity, (error) => {
    if (error === null) done(null, identity);
    else done(error);
  });
}
