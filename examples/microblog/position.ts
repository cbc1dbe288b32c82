/**
 * Where a reader of a timeline is: for each author the number of the last post seen. Unlike a time or an offset it stays exact
 * while people go on writing: the next page has no gap and no repetition.
 */
import { Refusal } from "../web/site.ts";
import { NAME } from "./names.ts";

/** By author, the number above the next post. */
export type Position = ReadonlyMap<string, number>;

/** `alice.12~bob.7`; names have neither dots nor tildes. */
export function positionText(position: Position): string {
  return [...position].map(([author, number]) => `${author}.${number}`).join("~");
}

/** Throws a refusal. */
export function positionFrom(text: string): Position {
  return new Map(
    text.split("~").map((part) => {
      const [author = "", number = ""] = part.split(".");
      if (!NAME.test(author) || !/^\d{1,9}$/.test(number))
        throw new Refusal(400, "bad-request", "from: where the page before ended, as it said itself.");
      return [author, Number(number)];
    }),
  );
}
