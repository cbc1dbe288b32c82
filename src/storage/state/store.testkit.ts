/** What every implementation of `Store` has to do. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store, StoreOperation } from "../../core/world.ts";
import { bytes, call, text } from "./world.testkit.ts";

/** A place for one store that outlives its handles. */
export interface StorePlace {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

export function describeStore(name: string, makePlace: () => Promise<StorePlace>): void {
  const put = (key: string, value: string): StoreOperation => ({
    type: "put",
    key: bytes(key),
    value: bytes(value),
  });
  const del = (key: string): StoreOperation => ({ type: "delete", key: bytes(key) });

  describe(`store: ${name}`, () => {
    let place: StorePlace;
    let store: Store;
    const write = (...operations: StoreOperation[]) => call<void>((done) => store.write(operations, done));
    const close = () => call<void>((done) => store.close(done));
    /** Step by step; the steps that deleted something. */
    const clear = async (from: string, to: string): Promise<number> => {
      let steps = 0;
      let next: Uint8Array | null = bytes(from);
      while (next !== null) {
        const here: Uint8Array = next;
        next = await call<Uint8Array | null>((done) => store.clear(here, bytes(to), done));
        if (next !== null) steps++;
      }
      return steps;
    };
    const range = async (from: string, to: string, limit = 1000, limitBytes = 1_000_000) => {
      const page = await call<{ entries: readonly { key: Uint8Array; value: Uint8Array }[]; more: boolean }>(
        (done) => store.range({ from: bytes(from), to: bytes(to), limit, limitBytes }, done),
      );
      return {
        entries: page.entries.map(({ key, value }) => `${text(key)}=${text(value)}`),
        more: page.more,
      };
    };

    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });
    afterEach(async () => {
      await close();
      await place.remove();
    });

    test("what was written can be read, also after the store was closed and opened", async () => {
      await write(put("a", "1"), put("b", "2"), put("", "empty key"), put("c", ""));
      await write(del("b"), put("a", "3"), del("never there"));
      await close();
      store = await place.open();
      expect(text(store.get(bytes("a")))).toBe("3");
      expect(store.get(bytes("b"))).toBeUndefined();
      expect(text(store.get(bytes("")))).toBe("empty key");
      expect(text(store.get(bytes("c")))).toBe("");
      expect(store.get(bytes("d"))).toBeUndefined();
    });

    test("within a write, later operations win", async () => {
      await write(put("a", "1"), del("a"), put("b", "1"), put("b", "2"), del("c"), put("c", "3"));
      expect(await range("a", "z")).toEqual({ entries: ["b=2", "c=3"], more: false });
    });

    test("writes asked for one after the other take place in that order", async () => {
      const all: Promise<void>[] = [];
      const order: number[] = [];
      for (let i = 0; i < 50; i++) {
        // The large ones take longer, and must not be overtaken.
        const filler = i % 7 === 0 ? Array.from({ length: 3000 }, (_, n) => put(`x${n}`, `${i}`)) : [];
        all.push(write(...filler, put("last", `${i}`)).then(() => void order.push(i)));
      }
      await Promise.all(all);
      expect(text(store.get(bytes("last")))).toBe("49");
      expect(text(store.get(bytes("x2999")))).toBe("49");
      expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
    });

    test("a write asked for in the answer to another one is done once, and answered once", async () => {
      const answers: string[] = [];
      await new Promise<void>((resolve) => {
        const next = (i: number): void =>
          store.write([put("k", `${i}`)], () => {
            answers.push(`${i}`);
            if (i === 5) resolve();
            else next(i + 1);
            store.write([put(`other ${i}`, "1")], () => answers.push(`other ${i}`));
          });
        next(1);
      });
      await write();
      await write();
      expect(answers).toEqual(
        [1, 2, 3, 4, 5].flatMap((i) => (i === 1 ? ["1"] : [`${i}`, `other ${i - 1}`])).concat("other 5"),
      );
      expect(text(store.get(bytes("k")))).toBe("5");
    });

    test("a store that is being closed finishes the writes it was given", async () => {
      const writes = Array.from({ length: 20 }, (_, i) => write(put("k", `${i}`)));
      const closed = close();
      await Promise.all([...writes, closed]);
      store = await place.open();
      expect(text(store.get(bytes("k")))).toBe("19");
    });

    test("a store that is closed takes no more writes", async () => {
      await close();
      await expect(write(put("k", "1"))).rejects.toMatchObject({ name: "DiskError", kind: "io" });
      expect(() => store.get(bytes("k"))).toThrow(/closed|not open/);
      store = await place.open();
      expect(store.get(bytes("k"))).toBeUndefined();
    });

    test("an empty write succeeds", async () => {
      await expect(write()).resolves.toBeUndefined();
    });

    test("keys are ordered by unsigned bytes, and a prefix comes first", async () => {
      await write(
        put("\x7f", "b"),
        put("\xff\xff", "e"),
        put("\x80", "c"),
        put("\x00", "a"),
        put("\xff", "d"),
      );
      expect((await range("", "\xff\xff\xff")).entries.map((entry) => entry.slice(-1)).join("")).toBe(
        "abcde",
      );
    });

    test("a range includes its lower bound and excludes its upper one", async () => {
      await write(put("a", "1"), put("b", "2"), put("c", "3"));
      expect(await range("a", "c")).toEqual({ entries: ["a=1", "b=2"], more: false });
      expect(await range("b", "b")).toEqual({ entries: [], more: false });
      expect(await range("c\0", "z")).toEqual({ entries: [], more: false });
    });

    test("a range ends at its limit and says exactly whether more follows", async () => {
      await write(put("a", "1"), put("b", "2"), put("c", "3"));
      expect(await range("a", "z", 2)).toEqual({ entries: ["a=1", "b=2"], more: true });
      expect(await range("a", "z", 3)).toEqual({ entries: ["a=1", "b=2", "c=3"], more: false });
      expect(await range("a", "c", 2)).toEqual({ entries: ["a=1", "b=2"], more: false });
      expect(await range("a", "z", 0)).toEqual({ entries: [], more: true });
      expect(await range("x", "z", 0)).toEqual({ entries: [], more: false });
    });

    test("a range takes no further entry once it has exceeded its bytes, but always one", async () => {
      await write(put("a", "x".repeat(99)), put("b", "x".repeat(99)), put("c", "x".repeat(99)));
      const keys = async (limitBytes: number) => {
        const { entries, more } = await range("a", "z", 10, limitBytes);
        return `${entries.map((entry) => entry[0]).join("")}${more ? "+" : ""}`;
      };
      expect(await keys(0)).toBe("a+");
      expect(await keys(99)).toBe("a+");
      expect(await keys(100)).toBe("ab+");
      expect(await keys(299)).toBe("abc");
      expect(await keys(300)).toBe("abc");
    });

    test("a long range comes whole, page after page", async () => {
      const name = (i: number): string => `k${String(i).padStart(5, "0")}`;
      await write(...Array.from({ length: 5000 }, (_, i) => put(name(i), `${i}`)));
      const whole = await range("k", "l", 100_000);
      expect(whole.entries).toEqual(Array.from({ length: 5000 }, (_, i) => `${name(i)}=${i}`));
      expect(whole.more).toBe(false);
      const part = await range(name(100), name(4000), 3000);
      expect(part.entries).toHaveLength(3000);
      expect(part.entries.at(-1)).toBe(`${name(3099)}=3099`);
      expect(part.more).toBe(true);
    });

    test("a range shows the store as it was when it was asked for", async () => {
      await write(put("a", "old"));
      const before = range("a", "z");
      const written = write(put("a", "new"), put("b", "new"));
      expect(await before).toEqual({ entries: ["a=old"], more: false });
      await written;
      expect(await range("a", "z")).toEqual({ entries: ["a=new", "b=new"], more: false });
    });

    test("a snapshot does not change, whatever is written, deleted and cleared", async () => {
      await write(...Array.from({ length: 600 }, (_, i) => put(`k${1000 + i}`, "old")));
      const snapshot = store.snapshot();
      await write(...Array.from({ length: 300 }, (_, i) => del(`k${1000 + i * 2}`)), put("k0", "new"));
      await clear("k15", "k16");
      const read = (limit: number) =>
        call<{ entries: readonly { key: Uint8Array; value: Uint8Array }[]; more: boolean }>((done) =>
          store.range({ from: bytes("k"), to: bytes("l"), limit, limitBytes: 1_000_000, snapshot }, done),
        );
      const page = await read(1000);
      expect(page.entries).toHaveLength(600);
      expect(new Set(page.entries.map((entry) => text(entry.value)))).toEqual(new Set(["old"]));
      expect((await read(599)).more).toBe(true);
      snapshot.release();
      snapshot.release();
      expect((await range("k", "l")).entries).toHaveLength(1 + 300 - 50);
    });

    test("clearing deletes the range and nothing else, however long it is, and can be repeated", async () => {
      const name = (i: number): string => `k${String(i).padStart(5, "0")}`;
      await write(
        put("j", "stays"),
        put("l", "stays"),
        ...Array.from({ length: 3000 }, (_, i) => put(name(i), "goes")),
      );
      expect(await clear("k", "l")).toBeGreaterThan(3);
      expect(await range("", "z")).toEqual({ entries: ["j=stays", "l=stays"], more: false });
      expect(await clear("k", "l")).toBe(0);
      await close();
      store = await place.open();
      expect(await range("", "z")).toEqual({ entries: ["j=stays", "l=stays"], more: false });
    });

    test("a second handle is refused as locked", async () => {
      await expect(place.open()).rejects.toMatchObject({ name: "DiskError", kind: "locked" });
    });
  });
}
