/**
 * Accepted sockets that read into one buffer, which all of them share, and hand out views of small blocks.
 *
 * Node's stream gives every read memory of its own: 64 KiB are allocated, shrunk to what came, wrapped, and known to the garbage collector
 * until it finds them dead. With requests of a hundred bytes, much of what a server does for them is that (`bench/micro/sockets.mjs`).
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import { Slabs } from "../core/slabs.ts";

/** What libuv reads at once. */
const READ_BYTES = 64 * 1024;
/** A request that is kept for long keeps its block: small ones. */
const SLAB_BYTES = 16 * 1024;
/** Fewer bytes are copied faster one by one than by a call out of JavaScript. */
const FEW_BYTES = 192;

const shared = new Uint8Array(READ_BYTES);
const slabs = new Slabs(SLAB_BYTES);

/** The part of a TCP handle that this file looks at. Node documents none of it, but has passed handles from socket to socket for ten years. */
interface TcpHandle {
  useUserBuffer?: (buffer: Uint8Array) => void;
}

/**
 * A socket in the place of `accepted`, of which nothing was read yet: it comes from a server with `pauseOnConnect`, or from another process. Chunks come
 * as `data` events, as from any socket, and stay valid; `pause` and `resume` work, reading it in other ways does not. The server that
 * accepted it does not count it any more. Where Node has no such handles it is `accepted` itself, resumed.
 */
export function frugal(accepted: Socket, options: Pick<SocketConstructorOpts, "allowHalfOpen"> = {}): Socket {
  const owner = accepted as unknown as { _handle?: TcpHandle | null };
  const handle = owner._handle ?? null;
  if (typeof handle?.useUserBuffer !== "function" || accepted.readableLength > 0) {
    if (accepted.isPaused()) accepted.resume();
    return accepted;
  }
  owner._handle = null;
  const callback = (length: number): boolean => {
    socket.emit("data", copied(length));
    return true;
  };
  const socket = new Socket({
    ...options,
    handle,
    onread: { buffer: shared, callback },
  } as SocketConstructorOpts);
  // It has nothing left to close but its own state.
  accepted.destroy();
  return socket;
}

/** The first bytes of what was read last. */
function copied(length: number): Uint8Array {
  const bytes = slabs.take(length);
  if (length > FEW_BYTES) bytes.set(shared.subarray(0, length));
  else for (let at = 0; at < length; at++) bytes[at] = shared[at]!;
  return bytes;
}
