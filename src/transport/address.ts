import type { Address } from "../core/world.ts";

export function formatAddress(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Why a node cannot listen, and what to do about it. */
export function describeListenError(
  error: { readonly code?: string | undefined; readonly message: string },
  address: Address,
): Error {
  const where = `cannot listen for peers on ${formatAddress(address)}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new Error(
        `${where}: the port is in use (EADDRINUSE). Stop the process that uses it, or choose another port.`,
      );
    case "EACCES":
      return new Error(
        `${where}: not permitted (EACCES). Choose a port above 1023, or run with the right to use this one.`,
      );
    case "EADDRNOTAVAIL":
      return new Error(
        `${where}: this machine has no such address (EADDRNOTAVAIL). Choose one of its own, or 0.0.0.0 for all.`,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new Error(
        `${where}: the name cannot be resolved (${error.code}). Use an address, or correct the name.`,
      );
    default:
      return new Error(`${where}: ${error.message}`);
  }
}
