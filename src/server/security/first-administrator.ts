/**
 * How a cluster gets its first user without anybody having been able to do anything before: nodes are started with a file
 * that holds the password of `admin`. They may all have it; only one of them makes the user, and none once there is one.
 */
import { readFileSync } from "node:fs";
import type { Logger } from "../../core/world.ts";
import type { AdminResult, KvorumNode } from "../../node/api.ts";
import { EVERY_KEYSPACE } from "../../node/catalog/users.ts";
import { MIN_PASSWORD_LENGTH, type Passwords } from "./password.ts";

const FIRST_ADMINISTRATOR = "admin";

const RETRY_MS = 1_000;
const LEARN_MS = 20;

/** The first line of the file. Throws a sentence that says what is wrong with it. */
export function readAdminPassword(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`adminPasswordFile: cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  const password = text.split(/\r?\n/, 1)[0]!;
  if (password.length >= MIN_PASSWORD_LENGTH) return password;
  throw new Error(
    `adminPasswordFile: the password in ${file} has fewer than ${MIN_PASSWORD_LENGTH} characters`,
  );
}

export interface FirstAdministrator {
  /** Once this node knows of users, the one made here or others. */
  readonly known: Promise<void>;
  /** Gives up. */
  stop(): void;
}

/** Waits until the node is ready, and goes on until there are users. */
export function makeFirstAdministrator(
  node: KvorumNode,
  passwords: Passwords,
  password: string,
  log: Logger,
): FirstAdministrator {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const made = (result: AdminResult): void => {
    if (result.ok) log.info({ audit: "change", user: FIRST_ADMINISTRATOR }, "made the first administrator");
    else if (result.code !== "exists")
      log.warn({ code: result.code, reason: result.message }, "there is no administrator yet");
  };
  const known = new Promise<void>((resolve) => {
    const attempt = (verifier: string): void => {
      if (stopped) return;
      if (node.users().length > 0) {
        resolve();
        return;
      }
      const grants = [{ keyspace: EVERY_KEYSPACE, role: "admin" }] as const;
      node.admin({ type: "user-set", name: FIRST_ADMINISTRATOR, verifier, grants, first: true }, (result) => {
        made(result);
        // It is decided, perhaps elsewhere, and this node may have yet to learn of it.
        const settled = result.ok || result.code === "exists";
        timer = setTimeout(() => attempt(verifier), settled ? LEARN_MS : RETRY_MS);
      });
    };
    const start = async (): Promise<void> => {
      if (node.users().length > 0) resolve();
      else attempt(await passwords.verifierOf(Buffer.from(password)));
    };
    node.whenReady(() => void start());
  });
  return {
    known,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
