/**
 * Ports of loopback for nodes that are about to start. They lie below those that the system hands out by itself (from
 * 32768 on Linux, from 49152 elsewhere), so that no outgoing connection takes one between this moment and the start.
 */
import { createServer } from "node:net";

const HOST = "127.0.0.1";
const FIRST = 10_000;
const END = 32_000;

/** No two calls in one process get the same port. */
const taken = new Set<number>();

/** `count` ports in a row that are free at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = FIRST + Math.floor(Math.random() * (END - FIRST - count));
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if (ports.some((port) => taken.has(port))) continue;
    for (const port of ports) taken.add(port);
    const free = await Promise.all(ports.map(isFree));
    if (!free.includes(false)) return ports;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: HOST, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
