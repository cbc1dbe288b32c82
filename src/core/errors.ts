/**
 * Every error that a caller can meet, in one table: a code, a sentence, a hint, and whether it is **definite**.
 * Definite: the operation did not happen and never will, so it is safe to do it again. Indefinite: it may have happened
 * or may still happen; only a read, or a retry under the same session, can tell.
 */
interface ErrorRow {
  readonly definite: boolean;
  readonly sentence: string;
  readonly hint: string;
}

export const ERRORS = {
  "bad-request": {
    definite: true,
    sentence: "The request is malformed.",
    hint: "Correct what the message names and send it again.",
  },
  "wrong-type": {
    definite: true,
    sentence: "The key holds another data type than the command works on.",
    hint: "Use a command of that type, or another key.",
  },
  "too-large": {
    definite: true,
    sentence: "A key, a value or a reply is over its limit.",
    hint: "Split it, page through it, or raise the limit of the keyspace.",
  },
  "cross-shard": {
    definite: true,
    sentence: "The keys of one atomic operation lie in different shards.",
    hint: "Give the keys a common {tag}, so that they hash to one shard.",
  },
  "unknown-keyspace": {
    definite: true,
    sentence: "There is no such keyspace.",
    hint: "Create it first: kvorum keyspace create NAME.",
  },
  contradiction: {
    definite: true,
    sentence: "The request contradicts a promise of the keyspace.",
    hint: "Choose another option, or a keyspace whose protocol allows it.",
  },
  exists: {
    definite: true,
    sentence: "It exists already.",
    hint: "Choose another name, or change the existing one.",
  },
  unauthenticated: {
    definite: true,
    sentence: "Nobody is logged in, or user and password do not fit.",
    hint: "Log in: AUTH user password, or HTTP basic authentication.",
  },
  forbidden: {
    definite: true,
    sentence: "The user lacks a role for this.",
    hint: "Ask an administrator for the role: kvorum user grant.",
  },
  throttled: {
    definite: true,
    sentence: "Too many logins have failed.",
    hint: "Wait a minute, then log in with the right password.",
  },
  compacted: {
    definite: true,
    sentence: "The changes after this revision are no longer remembered.",
    hint: "Read the present state, and watch on from the revision that the error names.",
  },
  behind: {
    definite: true,
    sentence: "No replica that can be reached has all that the session has seen.",
    hint: "Try again when the nodes can reach each other; a new session begins without what was seen.",
  },
  "not-leader": {
    definite: true,
    sentence: "This replica does not lead its group.",
    hint: "Send the request to the leader; nodes do so by themselves.",
  },
  "no-leader": {
    definite: true,
    sentence: "The group had no leader before the deadline.",
    hint: "Check that a majority of its nodes is up (kvorum status), then try again.",
  },
  "no-quorum": {
    definite: true,
    sentence: "Fewer replicas can be reached than the write or read needs.",
    hint: "Check that the shard's nodes are up (kvorum status), ask for fewer replicas, or try again.",
  },
  "wrong-shard": {
    definite: true,
    sentence: "The key does not lie in the shard that the request was sent to.",
    hint: "Ask for the present topology and send it to the key's shard.",
  },
  overwritten: {
    definite: true,
    sentence: "Another leader's entry took the place of this one in the log.",
    hint: "Send the request again.",
  },
  overloaded: {
    definite: true,
    sentence: "A queue is full; the request was not accepted.",
    hint: "Slow down and try again with backoff.",
  },
  "disk-full": {
    definite: true,
    sentence: "The disk of the leader is full; the request was not accepted.",
    hint: "Free space on that node; it resumes by itself.",
  },
  "storage-failed": {
    definite: false,
    sentence: "The node's disk failed; the request may or may not survive.",
    hint: "Read it back through another node. Replace the disk and restart the failed node.",
  },
  "config-change-pending": {
    definite: true,
    sentence: "Another membership change of the group is in progress.",
    hint: "Wait for it to finish and try again.",
  },
  timeout: {
    definite: false,
    sentence: "The deadline passed before the outcome was known.",
    hint: "Read the key to learn the outcome, or retry under a session.",
  },
  unknown: {
    definite: false,
    sentence: "The connection to the leader was lost after the request had been sent.",
    hint: "Read the key to learn the outcome, or retry under a session.",
  },
  "session-expired": {
    definite: true,
    sentence:
      "The shard does not know the session: it was not used for long, made room for others, or never was.",
    hint: "Open another one. An earlier attempt whose outcome is unknown stays unknown.",
  },
  acknowledged: {
    definite: false,
    sentence: "The client has told that it no longer waits for this request.",
    hint: "Do not send a request again once its number is acknowledged.",
  },
  "reply-forgotten": {
    definite: false,
    sentence: "The request was done before, but its reply was too large to be remembered.",
    hint: "Read the key to see what it did.",
  },
  "idempotency-mismatch": {
    definite: true,
    sentence: "The idempotency key was used for another request.",
    hint: "Use a new key for every request, and the same one only to repeat it.",
  },
  closing: {
    definite: true,
    sentence: "The node is shutting down.",
    hint: "Send the request to another node.",
  },
  internal: {
    definite: false,
    sentence: "An invariant of Kvorum was broken; the replica stopped itself.",
    hint: "Report it with the node's log.",
  },
  unreachable: {
    definite: true,
    sentence: "No node could be reached; the request was not sent.",
    hint: "Check the addresses, and that the nodes run (kvorum status), then try again.",
  },
  aborted: {
    definite: true,
    sentence: "The caller aborted the request before it could be done.",
    hint: "Send it again if it is still wanted.",
  },
  "invalid-value": {
    definite: true,
    sentence: "A value does not fit the schema of its keyspace.",
    hint: "Correct what the issues name, or widen the schema.",
  },
  "batch-partly-refused": {
    definite: false,
    sentence: "Some commands of the batch were refused; the others were done.",
    hint: "Read the results, one by one.",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** An outcome that is an error. `message` says what was wrong and where; the table gives the rest. */
export class KvorumError extends Error {
  override readonly name = "KvorumError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail?: string) {
    super(detail ?? ERRORS[code].sentence);
    this.code = code;
  }

  /** True: it did not happen and never will. */
  get definite(): boolean {
    return ERRORS[this.code].definite;
  }

  get hint(): string {
    return ERRORS[this.code].hint;
  }
}
