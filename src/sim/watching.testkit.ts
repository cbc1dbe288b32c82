/** Watching in a simulated cluster, and writing down what was told. */
import { binaryString } from "../core/bytes.ts";
import type { GroupId } from "../core/ids.ts";
import type { WatchEvent, WatchHandle, WatchOptions } from "../node/api.ts";
import type { Story } from "./stories.testkit.ts";

export class Watching {
  /** `revision kind key`, for values `key=value`, one for each change. */
  readonly told: string[] = [];
  startedAt: number | null = null;
  /** Everything up to there has been told. */
  upTo = 0;
  ended: { readonly error: string; readonly resumeFrom: number | null } | null = null;
  readonly handle: WatchHandle;

  readonly group: GroupId;

  constructor(story: Story, host: string, group: GroupId, options: WatchOptions = {}) {
    this.group = group;
    this.handle = story.host(host).node!.watch(group, options, {
      onStart: (revision) => {
        this.startedAt = revision;
        this.upTo = revision;
      },
      onEvents: (events, upTo) => {
        this.told.push(...events.flatMap(lines));
        this.upTo = upTo;
      },
      onEnd: (error, _detail, resumeFrom) => (this.ended = { error, resumeFrom }),
    });
  }

  /** Without the revisions. */
  get changes(): string[] {
    return this.told.map((line) => line.slice(line.indexOf(" ") + 1));
  }
}

/** Starts, and waits until the start is known. */
export function watch(story: Story, host: string, key: string, options: WatchOptions = {}): Watching {
  const watching = new Watching(story, host, groupOf(story, host, key), options);
  story.until("the watch to start", () => watching.startedAt !== null || watching.ended !== null);
  return watching;
}

export function groupOf(story: Story, host: string, key: string): GroupId {
  return story.host(host).node!.groupOfKey(new TextEncoder().encode(key))!;
}

function lines({ revision, changes }: WatchEvent): string[] {
  return changes.map((change) => {
    if (change.kind === "flush") return `${revision} flush`;
    const value = change.kind === "set" && change.value !== null ? `=${binaryString(change.value)}` : "";
    return `${revision} ${change.kind} ${binaryString(change.key)}${value}`;
  });
}
