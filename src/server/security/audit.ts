/**
 * Audit lines: who logged in, who was refused what, who changed what. Never a password, and never a name that was only typed
 * into a login: people type passwords there. What a client can repeat at will is written at most once a minute, with a count.
 */
import type { Logger } from "../../core/world.ts";
import { BoundedMap } from "./bounded-map.ts";

export type Door = "resp" | "http";

const REPEAT_MS = 60_000;
const REMEMBERED = 1_000;

interface Line {
  at: number;
  suppressed: number;
}

export class Audit {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #lines = new BoundedMap<Line>(REMEMBERED);

  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  loggedIn(user: string, address: string, door: Door): void {
    this.#repeated("info", { audit: "login", user, address, door }, "logged in");
  }

  /** `user` null: there is none by the name that was given. */
  loginFailed(user: string | null, address: string, door: Door): void {
    this.#log.warn({ audit: "login-failed", user: user ?? "(unknown)", address, door }, "a login failed");
  }

  loginHeldUp(user: string | null, address: string, door: Door): void {
    const fields = { audit: "login-held-up", user: user ?? "(unknown)", address, door };
    this.#repeated("warn", fields, "too many failed logins: attempts are refused for a while");
  }

  refused(user: string, address: string, door: Door, what: string): void {
    this.#repeated("warn", { audit: "refused", user, address, door, what }, "refused for lack of a role");
  }

  changed(user: string | null, address: string, door: Door, change: object, outcome: string): void {
    const fields = { audit: "change", user: user ?? "(no login)", address, door, ...change, outcome };
    this.#log.info(fields, "an administrative change");
  }

  #repeated(level: "info" | "warn", fields: object, message: string): void {
    const now = this.#now();
    const key = JSON.stringify(fields);
    const line = this.#lines.get(key);
    if (line !== undefined && now - line.at < REPEAT_MS) {
      line.suppressed++;
      return;
    }
    const more = line === undefined || line.suppressed === 0 ? {} : { repeated: line.suppressed };
    this.#lines.set(key, { at: now, suppressed: 0 });
    this.#log[level]({ ...fields, ...more }, message);
  }
}
