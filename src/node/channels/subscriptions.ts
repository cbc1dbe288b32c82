/** Who at this node listens to which channels. */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import { compileGlob } from "../../data/glob.ts";
import type { ChannelListener } from "../api.ts";

interface Pattern {
  readonly bytes: Uint8Array;
  readonly matches: (channel: string) => boolean;
  readonly listeners: Set<ChannelListener>;
}

export class Subscriptions {
  readonly #channels = new Map<string, Set<ChannelListener>>();
  readonly #patterns = new Map<string, Pattern>();

  subscribe(channel: Uint8Array, listener: ChannelListener): void {
    const name = binaryString(channel);
    const listeners = this.#channels.get(name);
    if (listeners === undefined) this.#channels.set(name, new Set([listener]));
    else listeners.add(listener);
  }

  unsubscribe(channel: Uint8Array, listener: ChannelListener): void {
    const name = binaryString(channel);
    const listeners = this.#channels.get(name);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#channels.delete(name);
  }

  subscribePattern(pattern: Uint8Array, listener: ChannelListener): void {
    const name = binaryString(pattern);
    const known = this.#patterns.get(name);
    if (known !== undefined) {
      known.listeners.add(listener);
      return;
    }
    const matches = compileGlob(name);
    this.#patterns.set(name, { bytes: pattern.slice(), matches, listeners: new Set([listener]) });
  }

  unsubscribePattern(pattern: Uint8Array, listener: ChannelListener): void {
    const name = binaryString(pattern);
    const known = this.#patterns.get(name);
    known?.listeners.delete(listener);
    if (known?.listeners.size === 0) this.#patterns.delete(name);
  }

  /** Whoever listens under several names hears it once for each, as in Redis: first by channel, then by pattern. */
  deliver(channel: Uint8Array, message: Uint8Array): void {
    const name = binaryString(channel);
    for (const listener of this.#channels.get(name) ?? []) listener.onMessage(channel, message, null);
    for (const { bytes, matches, listeners } of this.#patterns.values()) {
      if (!matches(name)) continue;
      for (const listener of listeners) listener.onMessage(channel, message, bytes);
    }
  }

  /** How many would hear a message in this channel. */
  receivers(channel: Uint8Array): number {
    const name = binaryString(channel);
    let count = this.#channels.get(name)?.size ?? 0;
    for (const { matches, listeners } of this.#patterns.values()) if (matches(name)) count += listeners.size;
    return count;
  }

  /** How many listen to this channel by its name. */
  listeners(channel: Uint8Array): number {
    return this.#channels.get(binaryString(channel))?.size ?? 0;
  }

  /** Those that somebody listens to by name. */
  names(pattern: Uint8Array | null): readonly Uint8Array[] {
    const matches = pattern === null ? () => true : compileGlob(binaryString(pattern));
    return [...this.#channels.keys()].filter(matches).map(binaryBytes);
  }

  get patternCount(): number {
    return this.#patterns.size;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** Everybody, with each name that they listen to; null: a pattern. */
  everybody(): readonly { readonly listener: ChannelListener; readonly channel: Uint8Array | null }[] {
    const named = [...this.#channels].flatMap(([name, listeners]) =>
      [...listeners].map((listener) => ({ listener, channel: binaryBytes(name) })),
    );
    const patterned = [...this.#patterns.values()].flatMap(({ listeners }) =>
      [...listeners].map((listener) => ({ listener, channel: null })),
    );
    return [...named, ...patterned];
  }
}
