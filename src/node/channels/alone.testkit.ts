/** Channels of a node that is alone, in real time: for tests of the doors. */
import { nodeId } from "../../core/ids.ts";
import { changeChannels, NO_CHANNEL_MEMBERS } from "../catalog/channels.ts";
import { NodeClock } from "../../world/node-clock.ts";
import { Channels } from "./channels.ts";

/** `delay`: milliseconds until the system group has ordered a change; 0: at once. */
export function channelsAlone(delay = 0): Channels {
  const clock = new NodeClock();
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const random = { next: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
  const channels = new Channels({ clock, random, logger: silent, patience: 5000 });
  let membership = NO_CHANNEL_MEMBERS;
  channels.start({
    self: nodeId(1),
    life: 7,
    send() {},
    change(command, done) {
      const decide = (): void => {
        membership = changeChannels(membership, command);
        done();
        channels.follow(membership);
      };
      if (delay === 0) decide();
      else clock.setTimer(delay, decide);
    },
    decides: () => true,
    isUp: () => true,
    isDead: () => null,
  });
  return channels;
}
