/**
 * The register that keeps concurrent writes as siblings, until a writer who has seen them resolves them. Its state is a
 * set of dotted version vectors with one common past (Preguiça, Baquero, Almeida, Fonte, Gonçalves 2010, "Dotted version
 * vectors"; the compact form of Almeida et al. 2014, "Scalable and accurate causality tracking"): one number a replica,
 * and a dot a sibling, whatever the number of clients.
 */
import type { ReplicaId } from "../../core/ids.ts";
import { type CausalContext, causalContexts, knows } from "./causal-context.ts";
import { causal, type Causal, type DotFun, dotFun, type Mutation, mutate } from "./dot-store.ts";
import { compareKeys, texts } from "./encoding.ts";
import { chain } from "./pointwise.ts";

export const siblingStores = dotFun(chain("value", "", compareKeys, texts));

export type Siblings = DotFun<string>;
export type MvRegister = Causal<Siblings>;

export const mvRegisters = causal("MV register", siblingStores);

/** All values that no write has replaced, each once, in byte order. More than one: they were written concurrently. */
export function mvValues(state: MvRegister): string[] {
  return siblingValues(state.store);
}

export function siblingValues(store: Siblings): string[] {
  return [...new Set(store.map((sibling) => sibling.value))].sort(compareKeys);
}

/**
 * The delta of a write by someone who had read the register with the context `seen` (that of the state that was read,
 * perhaps at another replica): replaces what was seen, and stands beside what was not. Without `seen`: replaces all that
 * this replica knows.
 *
 * A context that no replica has ever had would hide writes that are still to come: `seen` is to be one that was handed out.
 */
export function mvWrite(
  state: MvRegister,
  replica: ReplicaId,
  value: string,
  seen: CausalContext = state.context,
): MvRegister {
  const known = { store: state.store, context: causalContexts.join(state.context, seen) };
  const delta = mutate(siblingStores, known, replica, writing(value, seen));
  // What the writer saw elsewhere is replaced too, though it has not arrived here.
  return { store: delta.store, context: causalContexts.join(delta.context, seen) };
}

/** The delta of a deletion by someone who had read with the context `seen`; concurrent writes stay. */
export function mvDelete(state: MvRegister, seen: CausalContext = state.context): MvRegister {
  return { store: [], context: seen };
}

/** A write, for use in an OR-map; without `seen` it replaces all siblings that this replica knows. */
export function writing(value: string, seen?: CausalContext): Mutation<Siblings> {
  return (store, dot) => ({
    store: [{ dot, value }],
    replaced: store
      .map((sibling) => sibling.dot)
      .filter((sibling) => seen === undefined || knows(seen, sibling)),
  });
}
