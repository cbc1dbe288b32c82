/** Inputs, effects and messages in the words of transcripts. */
import type { Committed, Millis, SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import { describeConfiguration } from "./configuration.ts";
import { text } from "./host.testkit.ts";
import type {
  Entry,
  RaftEffect,
  RaftInput,
  RaftMessage,
  RaftOutcome,
  RaftRecord,
  RaftVocabulary,
} from "./messages.ts";

export function entryWord(entry: Entry): string {
  if (entry.kind === "command") return text(entry.command);
  return entry.kind === "noop" ? "-" : `[${describeConfiguration(entry.configuration)}]`;
}

export function describeInput(input: RaftInput): string {
  switch (input.type) {
    case "message":
      return `<- ${input.from} ${describeMessage(input.message)}`;
    case "propose":
      return `propose #${input.id} ${text(input.command)}`;
    case "read":
      return `read #${input.id}${input.lease ? " by lease" : ""}`;
    case "admin":
      return `${input.request.type} #${input.id}`;
    case "timer":
      return `timer ${input.timer}`;
    case "persisted":
      return `persisted @${input.upTo}`;
    case "unreachable":
      return `unreachable ${input.peer}`;
    case "compact":
      return `compact ${input.upTo}`;
    case "snapshot-chunk":
      return `chunk ${snapshotWord(input.snapshot)} ${chunkWord(input.chunk)} for ${input.peer}`;
    case "snapshot-stored":
      return `stored ${snapshotWord(input.snapshot)}${input.installed ? ", installed" : ""}`;
    default:
      return input.type;
  }
}

export function describeEffect(effect: RaftEffect): string {
  const after = "after" in effect && effect.after !== undefined ? ` after @${effect.after}` : "";
  switch (effect.type) {
    case "persist":
      return `persist @${effect.id} ${effect.records.map(describeRecord).join("; ")}`;
    case "send":
      return `-> ${effect.to} ${describeMessage(effect.message)}${after}`;
    case "apply":
      return `apply ${effect.entries.map(appliedWord).join(" ")}`;
    case "read-ready":
      return `read-ready #${effect.ids.join(" #")} at ${effect.index}${until(effect.validUntil)}`;
    case "reply":
      return `reply #${effect.id} ${outcomeWord(effect.outcome)}${after}`;
    case "leader":
      return `leader ${effect.leader ?? "-"} epoch ${effect.epoch}`;
    case "set-timer":
      return `set-timer ${effect.timer} ${effect.min}..${effect.max}`;
    case "cancel-timer":
      return `cancel-timer ${effect.timer}`;
    case "snapshot-load":
      return `load ${effect.snapshot === null ? "a new snapshot" : snapshotWord(effect.snapshot)} at ${cursorWord(effect.cursor)} for ${effect.peer}`;
    case "snapshot-store":
      return `store ${snapshotWord(effect.snapshot)} ${chunkWord(effect.chunk)}`;
    default:
      return `release the snapshot of ${effect.peer}`;
  }
}

const until = (time: Millis | undefined): string => (time === undefined ? "" : ` until ${time}`);
const snapshotWord = (snapshot: SnapshotId): string => `${snapshot.id}/${snapshot.index}`;
const cursorWord = (cursor: Uint8Array): string => (cursor.length === 0 ? "start" : text(cursor));
const chunkWord = (chunk: SnapshotChunk): string =>
  `[${cursorWord(chunk.cursor)}, ${chunk.next === null ? "end" : cursorWord(chunk.next)})`;

function outcomeWord(outcome: RaftOutcome): string {
  if (!outcome.ok) {
    return `${outcome.error}${outcome.leader === undefined ? "" : ` leader ${outcome.leader ?? "-"}`}`;
  }
  return `ok${outcome.configuration === undefined ? "" : ` ${describeConfiguration(outcome.configuration)}`}`;
}

function appliedWord(entry: Committed<RaftVocabulary>): string {
  if (entry.kind === "noop") return `${entry.index}:-`;
  if (entry.kind === "configuration") return `${entry.index}:[${describeConfiguration(entry.configuration)}]`;
  return `${entry.index}:${text(entry.command)}${entry.request === null ? "" : `#${entry.request}`}`;
}

function describeRecord(record: RaftRecord): string {
  if (record.type === "hard-state") {
    return `term ${record.term} vote ${record.vote ?? "-"}${record.life > 0 ? ` life ${record.life}` : ""}`;
  }
  if (record.type === "log-start") {
    return `start ${record.index}/${record.term} [${describeConfiguration(record.configuration)}]`;
  }
  return `log ${record.start}.. ${record.entries.map((entry) => `${entry.term}:${entryWord(entry)}`).join(" ")}`;
}

export function describeMessage(m: RaftMessage): string {
  const words: string[] = [m.type, `t${m.term}`];
  switch (m.type) {
    case "vote-request":
      if (m.pre) words.push("pre");
      if (m.transfer) words.push("transfer");
      words.push(`last ${m.lastIndex}/${m.lastTerm}`);
      break;
    case "vote-response":
      if (m.pre) words.push("pre");
      words.push(m.granted ? "granted" : "refused");
      break;
    case "append":
      words.push(`r${m.round} after ${m.prevIndex}/${m.prevTerm} commit ${m.commit}`);
      words.push(m.entries.map((entry) => `${entry.term}:${entryWord(entry)}`).join(" ") || "nothing");
      break;
    case "append-accepted":
      words.push(`r${m.round} match ${m.match}`);
      break;
    case "append-rejected":
      words.push(`r${m.round} at ${m.prevIndex} hint ${m.hintIndex}/${m.hintTerm}`);
      break;
    case "heartbeat":
      words.push(`r${m.round} commit ${m.commit}`);
      break;
    case "heartbeat-response":
      words.push(`r${m.round} matched ${m.matched} durable ${m.durable}`);
      break;
    case "commit":
      words.push(`${m.commit}`);
      break;
    case "read-index":
      words.push(`${m.life}.${m.read}${m.lease ? " by lease" : ""}`);
      break;
    case "read-index-response":
      words.push(`${m.life}.${m.read} at ${m.index ?? "-"}`);
      break;
    case "snapshot":
      words.push(
        `${snapshotWord(m.snapshot)} of t${m.snapshotTerm} [${describeConfiguration(m.configuration)}]`,
      );
      words.push(m.chunk === null ? "which piece?" : chunkWord(m.chunk));
      break;
    case "snapshot-response":
      words.push(`${snapshotWord(m.snapshot)} wants ${cursorWord(m.cursor)}`);
      break;
    default:
      break;
  }
  return words.join(" ");
}
