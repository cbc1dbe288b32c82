/** What every merging machine has besides its own part: anti-entropy among holders, and the handover of what this node should not hold. */
import { unreachable } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { PlainData } from "../../core/machine.ts";
import type { LastExchange, MergingCounts } from "../../core/merging.ts";
import { AntiEntropy } from "./anti-entropy.ts";
import { Handover } from "./handover.ts";
import type { SharedMessage, SharedTimer } from "./messages.ts";
import type { AntiEntropyOptions, HandoverOptions } from "./options.ts";
import type { Host } from "./replica.ts";

export class SharedParts {
  readonly #host: Host<SharedMessage, SharedTimer> & { readonly isRecovered: boolean };
  readonly #antiEntropy: AntiEntropy;
  readonly #handover: Handover;

  /** `retire`: everything that this replica had is with every holder. False when it is still needed; it is asked again. */
  constructor(
    host: Host<SharedMessage, SharedTimer> & { readonly isRecovered: boolean },
    options: AntiEntropyOptions & HandoverOptions,
    retire: () => boolean,
  ) {
    this.#host = host;
    this.#antiEntropy = new AntiEntropy(host, options);
    this.#handover = new Handover(host, options, retire);
  }

  onMembers(): void {
    this.#antiEntropy.onMembers();
    this.#handover.onMembers();
  }

  onReachable(peer: NodeId, reachable: boolean): void {
    if (!reachable) this.#antiEntropy.onUnreachable(peer);
    this.#handover.onReachable(peer, reachable);
  }

  onWritten(): void {
    this.#antiEntropy.onWritten();
  }

  onTimer(timer: SharedTimer): void {
    if (timer === "handover") this.#handover.onTimer();
    else this.#antiEntropy.onTimer(timer);
  }

  onMessage(from: NodeId, message: SharedMessage): void {
    switch (message.type) {
      case "compare":
      case "ask":
      case "fetch":
        // Until the log is applied again, this replica lacks what it told in its life before. Who asks now would take it for removed.
        if (this.#host.isRecovered) this.#antiEntropy.onMessage(from, message);
        return;
      case "same":
      case "families":
      case "leaves":
      case "push":
      case "pushed":
        this.#antiEntropy.onMessage(from, message);
        return;
      case "handover":
      case "taken":
        this.#handover.onMessage(from, message);
        return;
      default:
        unreachable(message);
    }
  }

  get counts(): Pick<
    MergingCounts,
    "exchangesDone" | "exchangesFailed" | "leavesReceived" | "leafBytesReceived" | "handoversDone"
  > {
    return { ...this.#antiEntropy.counts, handoversDone: this.#handover.done };
  }

  get exchanges(): ReadonlyMap<NodeId, LastExchange> {
    return this.#antiEntropy.last;
  }

  status(): { readonly [key: string]: PlainData } {
    return {
      antiEntropy: this.#antiEntropy.status(),
      handover: this.#host.isHolder ? null : this.#handover.status(),
    };
  }
}
