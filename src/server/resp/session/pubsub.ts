/** Publish/subscribe. What each channel promises, by its name: docs/CHANNELS.md. */
import type { Failure, Reply } from "../../../core/reply.ts";
import type { Args } from "../../../data/contract.ts";
import type { Output, Pushes } from "../writer.ts";
import type { Session, SessionCommand } from "../session.ts";
import { container } from "../values.ts";

const facts = { group: "pubsub", since: "2.0.0", flags: ["pubsub", "noscript", "loading", "stale"] } as const;

export const PUBSUB_COMMANDS: readonly SessionCommand[] = [
  {
    ...facts,
    kind: "ordered",
    name: "publish",
    arity: 3,
    flags: ["pubsub", "loading", "stale", "fast"],
    summary: "Posts a message to a channel.",
    everywhere: "write",
    run: ({ server }: Session, [channel, message]: Args, done: (reply: Reply) => void): void =>
      server.node.channels.publish(channel!, message!, done),
  },
  {
    ...facts,
    kind: "subscription",
    name: "subscribe",
    arity: -2,
    summary: "Listens for messages published to channels.",
    run: (session, args, done) => listen(session, args, done, () => session.subscriber.subscribe(args)),
  },
  {
    ...facts,
    kind: "subscription",
    name: "psubscribe",
    arity: -2,
    summary: "Listens for messages published to channels that match one or more patterns.",
    run: (session, args, done) =>
      listen(session, args, done, () => session.subscriber.subscribePatterns(args)),
  },
  {
    ...facts,
    kind: "subscription",
    name: "unsubscribe",
    arity: -1,
    summary: "Stops listening to messages posted to channels.",
    run: (session, args, done) => done(session.subscriber.unsubscribe(args)),
  },
  {
    ...facts,
    kind: "subscription",
    name: "punsubscribe",
    arity: -1,
    summary: "Stops listening to messages published to channels that match one or more patterns.",
    run: (session, args, done) => done(session.subscriber.unsubscribePatterns(args)),
  },
  container(
    {
      name: "pubsub",
      group: "pubsub",
      since: "2.8.0",
      summary: "A container for commands about the channels that clients of this node listen to",
    },
    {
      channels: {
        arity: -2,
        help: ["CHANNELS [<pattern>]", "Return the channels that somebody at this node listens to."],
        run: ({ server }, args) => server.node.channels.names(args[0] ?? null),
      },
      numsub: {
        arity: -2,
        help: [
          "NUMSUB [<channel> ...]",
          "Return how many at this node listen to each channel, patterns left out.",
        ],
        run: ({ server }, args) =>
          args.flatMap((channel): Reply[] => [channel, server.node.channels.listeners(channel)]),
      },
      numpat: {
        arity: 2,
        help: ["NUMPAT", "Return how many patterns somebody at this node listens to."],
        run: ({ server }) => server.node.channels.patternCount,
      },
    },
  ),
];

/** Listens once this node takes part in all these channels: then nothing that is published from now on is missed. */
function listen(session: Session, names: Args, done: (reply: Output) => void, begin: () => Pushes): void {
  let failure: Failure | null = null;
  let missing = names.length;
  for (const name of names) {
    session.server.node.channels.join(name, (refusal) => {
      failure ??= refusal;
      if (--missing > 0 || session.subscriber.closed) return;
      done(failure ?? begin());
    });
  }
}
