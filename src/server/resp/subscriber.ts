/** A client that listens to channels. */
import { binaryString } from "../../core/bytes.ts";
import { Failure, type Reply } from "../../core/reply.ts";
import type { ChannelListener, Channels } from "../../node/api.ts";
import type { Command } from "./session.ts";
import { bulk } from "./values.ts";
import { Pushes } from "./writer.ts";

interface Ear {
  push(message: Pushes): void;
  /** Disconnects at once. */
  kill(reason: string): void;
}

const MESSAGE = bulk("message");
const PATTERN_MESSAGE = bulk("pmessage");

export class Subscriber implements ChannelListener {
  readonly #channels: Channels;
  readonly #ear: Ear;
  readonly #names = new Map<string, Uint8Array>();
  readonly #patterns = new Map<string, Uint8Array>();
  #closed = false;

  constructor(channels: Channels, ear: Ear) {
    this.#channels = channels;
    this.#ear = ear;
  }

  /** The client is gone. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Channels and patterns. */
  get count(): number {
    return this.#names.size + this.#patterns.size;
  }

  get channelCount(): number {
    return this.#names.size;
  }

  get patternCount(): number {
    return this.#patterns.size;
  }

  subscribe(names: readonly Uint8Array[]): Pushes {
    const confirmed = names.map((name): Reply[] => {
      const key = binaryString(name);
      if (!this.#names.has(key)) {
        this.#names.set(key, name.slice());
        this.#channels.subscribe(name, this);
      }
      return [bulk("subscribe"), name, this.count];
    });
    return new Pushes(confirmed);
  }

  subscribePatterns(patterns: readonly Uint8Array[]): Pushes {
    const confirmed = patterns.map((pattern): Reply[] => {
      const key = binaryString(pattern);
      if (!this.#patterns.has(key)) {
        this.#patterns.set(key, pattern.slice());
        this.#channels.subscribePattern(pattern, this);
      }
      return [bulk("psubscribe"), pattern, this.count];
    });
    return new Pushes(confirmed);
  }

  /** None: all of them. */
  unsubscribe(names: readonly Uint8Array[]): Pushes {
    return this.#end("unsubscribe", names, this.#names, (name) => this.#channels.unsubscribe(name, this));
  }

  unsubscribePatterns(patterns: readonly Uint8Array[]): Pushes {
    return this.#end("punsubscribe", patterns, this.#patterns, (pattern) =>
      this.#channels.unsubscribePattern(pattern, this),
    );
  }

  clear(): void {
    this.unsubscribe([]);
    this.unsubscribePatterns([]);
  }

  close(): void {
    this.clear();
    this.#closed = true;
  }

  onMessage(channel: Uint8Array, message: Uint8Array, pattern: Uint8Array | null): void {
    const heard =
      pattern === null ? [MESSAGE, channel, message] : [PATTERN_MESSAGE, pattern, channel, message];
    this.#ear.push(new Pushes([heard]));
  }

  /** Redis' protocol has no word for it; clients know what to do when the connection ends. */
  onInterrupted(guarantee: string): void {
    this.#ear.kill(`it may have missed messages of ${guarantee} channels, as this node was cut off`);
  }

  #end(
    word: string,
    names: readonly Uint8Array[],
    held: Map<string, Uint8Array>,
    end: (name: Uint8Array) => void,
  ): Pushes {
    const wanted = names.length > 0 ? names : [...held.values()];
    if (wanted.length === 0) return new Pushes([[bulk(word), null, this.count]]);
    const confirmed = wanted.map((name): Reply[] => {
      if (held.delete(binaryString(name))) end(name);
      return [bulk(word), name, this.count];
    });
    return new Pushes(confirmed);
  }
}

const ALLOWED: ReadonlySet<string> = new Set(["ping", "quit", "reset"]);

/** In RESP2 a reply could not be told from a message. Null: the command may be run. */
export const notForSubscribers = (command: Command): Failure | null =>
  command.kind === "subscription" || ALLOWED.has(command.name)
    ? null
    : new Failure(
        `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
      );
