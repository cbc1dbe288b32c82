/** The system group's state machine: the catalog, kept in memory and in one record. */
import type { LogIndex } from "../../core/machine.ts";
import type { RecordWriter } from "../../core/records.ts";
import type { Reply } from "../../core/reply.ts";
import { InvariantError } from "../../core/assert.ts";
import type { Applier, Run } from "../applier.ts";
import { type CatalogCommand, applyCatalogCommand } from "./commands.ts";
import { type Catalog, EMPTY_CATALOG, decodeCatalog, encodeCatalog } from "./state.ts";

const SPACE = "c";
const ID = "catalog";
const NO_META = new Uint8Array(0);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const encodeCatalogCommand = (command: CatalogCommand): Uint8Array =>
  encoder.encode(JSON.stringify(command));

export class CatalogApplier implements Applier {
  readonly #records: RecordWriter;
  readonly #onChange: (catalog: Catalog) => void;
  #catalog: Catalog;

  constructor(records: RecordWriter, onChange: (catalog: Catalog) => void) {
    this.#records = records;
    this.#onChange = onChange;
    this.#catalog = this.#stored() ?? EMPTY_CATALOG;
  }

  get catalog(): Catalog {
    return this.#catalog;
  }

  /** The reply is the result as JSON: it is read by `Node.admin`, not by a client. */
  apply(_index: LogIndex, command: Uint8Array): Run {
    const change = applyCatalogCommand(this.#catalog, JSON.parse(decoder.decode(command)) as CatalogCommand);
    if (change.catalog !== this.#catalog) {
      this.#catalog = change.catalog;
      this.#records.put(SPACE, ID, encodeCatalog(change.catalog));
      this.#onChange(change.catalog);
    }
    const reply: Reply = encoder.encode(JSON.stringify(change.result));
    return { next: () => ({ type: "done", replies: [reply] }) };
  }

  /** Reads are served from memory; what a request learns is that the catalog is current. */
  read(): Run {
    return { next: () => ({ type: "done", replies: [null] }) };
  }

  meta(): Uint8Array {
    return NO_META;
  }

  restore(): void {
    const stored = this.#stored();
    if (stored === null) throw new InvariantError("a snapshot of the system group holds no catalog");
    this.#catalog = stored;
    this.#onChange(stored);
  }

  close(): void {
    // It has nothing under way.
  }

  #stored(): Catalog | null {
    const bytes = this.#records.get(SPACE, ID);
    return bytes === undefined ? null : decodeCatalog(bytes);
  }
}
