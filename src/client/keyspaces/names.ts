/** Keys as the application has them, and as they are inside: those of a keyspace other than the default one carry its name. */
import { encodeText, decodeText } from "../schema/codec.ts";
import { InvalidValueError } from "../errors.ts";

/** Keys without a prefix live there. */
const DEFAULT_KEYSPACE = "default";

export class Names {
  readonly keyspace: string;
  readonly #prefix: Uint8Array;

  constructor(keyspace: string) {
    this.keyspace = keyspace;
    this.#prefix = encodeText(keyspace === DEFAULT_KEYSPACE ? "" : `${keyspace}:`);
  }

  /** Also of a prefix of keys. Throws `InvalidValueError` for what UTF-8 cannot hold. */
  inside(key: string): Uint8Array {
    const own = encodeText(key);
    const bytes = new Uint8Array(this.#prefix.length + own.length);
    bytes.set(this.#prefix);
    bytes.set(own, this.#prefix.length);
    return bytes;
  }

  /** Throws `InvalidValueError` for a key that another client wrote and that is not UTF-8. */
  outside(key: Uint8Array): string {
    try {
      return decodeText(key.subarray(this.#prefix.length));
    } catch {
      throw new InvalidValueError([{ path: [], message: "There is a key that is not UTF-8." }]);
    }
  }

  /** For people to read: what is not UTF-8 is replaced. */
  similar(key: Uint8Array): string {
    return new TextDecoder().decode(key.subarray(this.#prefix.length));
  }
}
