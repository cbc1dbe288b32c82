/** Publishes and listens at the nodes of a simulated cluster, and writes down what a checker of broadcast wants to know. */
import { nodeId } from "../../core/ids.ts";
import { Failure } from "../../core/reply.ts";
import type { DeliveryLog, LogEvent, Member } from "../../protocols/broadcast/index.ts";
import type { Story } from "../../sim/stories.testkit.ts";
import type { ChannelListener } from "../api.ts";
import type { Guarantee } from "./guarantees.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytes = (text: string): Uint8Array => encoder.encode(text);

interface Message {
  readonly from: Member;
  /** Its place among what its member published; 0: refused, or not decided yet. */
  number: number;
}

type Note = { readonly type: "published" | "delivered"; readonly content: string };

/** One membership of one node: from its start, or from when it came back. */
interface Life {
  readonly member: Member;
  readonly isLate: boolean;
  readonly notes: Note[];
  accepted: number;
}

/** Listens at every node to one channel, and publishes there. */
export class Recorder {
  readonly #story: Story;
  readonly #channel: Uint8Array;
  readonly #messages = new Map<string, Message>();
  readonly #lives = new Map<string, Life[]>();
  readonly refusals: Failure[] = [];
  readonly interrupted: string[] = [];
  #contents = 0;
  #births = 0;

  constructor(story: Story, guarantee: Guarantee) {
    this.#story = story;
    this.#channel = bytes(`${guarantee}:news`);
  }

  /** A new process of the host listens. */
  listen(host: string, isLate = false): void {
    const lives = this.#lives.get(host) ?? [];
    this.#lives.set(host, lives);
    const begin = (late: boolean): number =>
      lives.push({
        member: { node: nodeId(Number(host.slice(1))), since: ++this.#births },
        isLate: late,
        notes: [],
        accepted: 0,
      });
    begin(isLate);
    const listener: ChannelListener = {
      onMessage: (_channel, message) =>
        lives.at(-1)!.notes.push({ type: "delivered", content: decoder.decode(message) }),
      onInterrupted: () => {
        this.interrupted.push(host);
        begin(true);
      },
    };
    const { channels } = this.#story.host(host).node!;
    channels.subscribe(this.#channel, listener);
    channels.join(this.#channel, (failure) => {
      if (failure !== null) throw new Error(failure.message);
    });
  }

  publish(host: string): void {
    const content = `m${++this.#contents}`;
    const life = this.#lives.get(host)!.at(-1)!;
    const message: Message = { from: life.member, number: 0 };
    this.#messages.set(content, message);
    life.notes.push({ type: "published", content });
    this.#story.host(host).node!.channels.publish(this.#channel, bytes(content), (outcome) => {
      if (outcome instanceof Failure) this.refusals.push(outcome);
      else message.number = ++life.accepted;
    });
  }

  /** What the present membership of the host's process has heard. */
  heard(host: string): readonly string[] {
    return this.#lives
      .get(host)!
      .at(-1)!
      .notes.flatMap(({ type, content }) => (type === "delivered" ? content : []));
  }

  /** Of all memberships of these hosts, or only of the present ones. */
  logs(hosts: readonly string[], which: "all" | "present"): readonly DeliveryLog[] {
    return hosts.flatMap((host) => {
      const lives = this.#lives.get(host)!;
      return (which === "all" ? lives : lives.slice(-1)).map(({ member, isLate, notes }) => ({
        member,
        isLate,
        events: notes.flatMap((note) => this.#event(note)),
      }));
    });
  }

  #event({ type, content }: Note): LogEvent[] {
    const { from, number } = this.#messages.get(content)!;
    // Refused, or its process crashed before the answer: nobody may have delivered it, which `integrity` sees.
    if (type === "published") return number === 0 ? [] : [{ type, number, content }];
    return [{ type, from, number, content }];
  }
}
