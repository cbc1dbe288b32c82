/** The body of a request that stores a value: bytes up to what the keyspace takes. */
import type { Readable } from "node:stream";
import type { KeyspaceInfo } from "../../../node/api.ts";
import { problem } from "../problems.ts";

/** No more is held in memory than the keyspace's limit, whatever is sent. */
export function readValue(
  payload: Readable,
  contentLength: string | undefined,
  keyspace: KeyspaceInfo,
  done: (error: Error | null, value?: Buffer) => void,
): void {
  const limit = keyspace.limits.maxValueBytes;
  const refuse = (): void =>
    done(problem("too-large", `The body is over ${limit} bytes, the most that '${keyspace.name}' takes.`));
  if (contentLength !== undefined && Number(contentLength) > limit) {
    refuse();
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  const onData = (chunk: Buffer): void => {
    length += chunk.length;
    if (length > limit) {
      payload.off("data", onData);
      payload.off("end", onEnd);
      payload.resume();
      refuse();
    } else {
      chunks.push(chunk);
    }
  };
  const onEnd = (): void => done(null, Buffer.concat(chunks, length));
  payload.on("data", onData);
  payload.once("end", onEnd);
  payload.once("error", (error) => done(error));
}
