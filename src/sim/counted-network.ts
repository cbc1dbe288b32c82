/** A network as one process sees it, which counts what the process asks of it. */
import type { Network, Transport } from "../core/world.ts";
import type { Effect } from "./gated-disk.ts";

export function countNetwork(network: Network, effect: Effect): Network {
  return {
    listen(address, handlers, done) {
      network.listen(address, handlers, (error, transport) => {
        if (transport === undefined) done(error);
        else done(error, countTransport(transport, effect));
      });
    },
  };
}

/** Frames leave with `flush`: what was queued before it is lost with the process. */
function countTransport(transport: Transport, effect: Effect): Transport {
  return {
    identify: (identity, peers) => transport.identify(identity, peers),
    setPeers: (peers) => transport.setPeers(peers),
    send: (to, frame) => transport.send(to, frame),
    flush: () => effect() && transport.flush(),
    isUp: (peer) => transport.isUp(peer),
    call: (to, request, timeout, done) => effect() && transport.call(to, request, timeout, done),
    close: (done) => transport.close(done),
  };
}
