/** `kvorum://[user[:password]@]host[:port][,host[:port]…]`; `kvorums:` is the same over TLS. */
import { KvorumError } from "../../core/errors.ts";
import type { SocketAddress } from "./socket-transport.ts";

/** Where nodes listen for RESP, and so for typed clients. */
export const DEFAULT_PORT = 7410;

export interface Target {
  readonly seeds: readonly SocketAddress[];
  readonly tls: boolean;
  readonly user?: string;
  readonly password?: string;
}

const FORM = /^kvorum(?<tls>s?):\/\/(?:(?<login>[^@/]*)@)?(?<hosts>[^@/?#]+)\/?$/;

/** Throws a definite `bad-request` that says what is wrong, without the password. */
export function parseTarget(url: string): Target {
  const parts = FORM.exec(url)?.groups;
  if (parts === undefined)
    throw refused(
      "expected kvorum://host:port, with more hosts after commas, and user:password@ before them",
    );
  const { login, hosts, tls } = parts;
  return {
    seeds: hosts!.split(",").map(parseHost),
    tls: tls === "s",
    ...(login === undefined ? {} : parseLogin(login)),
  };
}

function parseLogin(login: string): { readonly user: string; readonly password?: string } {
  const colon = login.indexOf(":");
  const user = decoded(colon < 0 ? login : login.slice(0, colon));
  return colon < 0 ? { user } : { user, password: decoded(login.slice(colon + 1)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused("user and password are percent-encoded, and this one is not");
  }
}

function parseHost(text: string): SocketAddress {
  const parts = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[^:[\]]+))(?::(?<port>[0-9]{1,5}))?$/.exec(
    text,
  )?.groups;
  const port = Number(parts?.["port"] ?? DEFAULT_PORT);
  if (parts === undefined || port < 1 || port > 65_535) throw refused(`"${text}" is no host:port`);
  return { host: (parts["v6"] ?? parts["name"])!, port };
}

const refused = (why: string): KvorumError =>
  new KvorumError("bad-request", `The address of the cluster cannot be read: ${why}.`);
