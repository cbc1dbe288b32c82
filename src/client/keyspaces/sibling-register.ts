/** A register whose replicas merge: with `conflicts: "siblings"`, concurrent values can be seen and resolved. */
import { arrayOf, bytesOf } from "../calls/replies.ts";
import type { Caller } from "../calls/caller.ts";
import { Operation } from "../calls/operation.ts";
import type { MergingReadOptions, MergingWriteOptions } from "../calls/options.ts";
import type { Values } from "../schema/values.ts";
import type { Names } from "./names.ts";
import { RegisterKeyspace } from "./register.ts";

export interface Siblings<T> {
  /** The latest first, which is what `get` shows; none: the key is not there. */
  readonly values: readonly T[];
  /** What was seen, for `resolve`. */
  readonly token: Uint8Array;
}

export class SiblingRegisterKeyspace<In, Out = In> extends RegisterKeyspace<In, Out> {
  readonly #values: Values<In, Out>;

  constructor(caller: Caller, names: Names, values: Values<In, Out>) {
    super(caller, names, values);
    this.#values = values;
  }

  siblings(key: string, options?: MergingReadOptions): Promise<Siblings<Out>> {
    return this.reading(
      ({ names }) =>
        new Operation("read", ".siblings", names.inside(key), [], (reply) => {
          const [token, values] = arrayOf(reply);
          return {
            token: bytesOf(token!),
            values: arrayOf(values!).map((value) => this.#values.decode(bytesOf(value))),
          };
        }),
      options,
    );
  }

  /** Not sent again by itself: a repetition at another node would be a sibling of the first. */
  resolve(key: string, token: Uint8Array, value: In, options?: MergingWriteOptions): Promise<void> {
    return this.writing(
      ({ names }) => {
        const bytes = this.#values.encode(value);
        const rest = bytes instanceof Promise ? bytes.then((ready) => [token, ready]) : [token, bytes];
        return new Operation("write", ".resolve", names.inside(key), rest, () => undefined);
      },
      options,
      "additive",
    );
  }
}
