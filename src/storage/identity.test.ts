import { describe, expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import type { DiskError } from "../core/world.ts";
import { simulatedWorld } from "./disk/test-world.testkit.ts";
import { checkIdentity, readIdentity, writeIdentity } from "./identity.ts";

const HEX = "0123456789abcdef0123456789abcdef";
const EMPTY = { name: "n1", instance: HEX, cluster: null, node: null };
const MEMBER = { ...EMPTY, cluster: "f".repeat(32), node: nodeId(3) };

describe("identity.json", () => {
  const world = simulatedWorld();
  const { disk, call } = world;
  const read = (): Promise<unknown> => call((done) => readIdentity(disk, done));
  const put = (text: string): Promise<void> =>
    call((done) => disk.replace("identity.json", new TextEncoder().encode(text), done));
  const refusal = async (text: string): Promise<DiskError> => {
    await put(text);
    return read().then(
      () => expect.unreachable("accepted"),
      (error: unknown) => error as DiskError,
    );
  };

  test("a directory that was never used has none", async () => {
    expect(await read()).toBeNull();
  });

  test("what was written is read, with what its owner added, also after a crash", async () => {
    await call((done) => writeIdentity(disk, EMPTY, done));
    disk.crash();
    expect(await read()).toEqual(EMPTY);
    const more = { ...MEMBER, members: [{ name: "n2", port: 1 }] };
    await call((done) => writeIdentity(disk, more, done));
    expect(await read()).toEqual(more);
  });

  test("what is not JSON, or no object, says so and what to do", async () => {
    for (const text of ["", "{", "null", "[]", "7", "\u0000"]) {
      const error = await refusal(text);
      expect(error.message).toMatch(/^identity\.json: is not a JSON object\. Restore the file from a backup/);
      expect(error.kind).toBe("corrupt");
    }
  });

  test("a newer format names both versions", async () => {
    const error = await refusal('{"format": 2, "whatever": true}');
    expect(error.message).toContain("written by a newer Kvorum (format 2; this version knows 1)");
  });

  test.each([
    ["format", '"1"'],
    ["format", "0"],
    ["name", '""'],
    ["instance", "null"],
    ["instance", '"0123"'],
    ["cluster", '"XYZ"'],
    ["node", "0"],
    ["node", "1.5"],
    ["node", '"1"'],
  ])("a wrong %s (%s) is named", async (field, value) => {
    const good: Record<string, unknown> = { format: 1, ...MEMBER };
    const error = await refusal(JSON.stringify({ ...good, [field]: JSON.parse(value) as unknown }));
    expect(error.message).toContain(`"${field}" is ${value}, `);
  });
});

describe("a directory may be used", () => {
  test("by its own node in its own cluster, and by a node that has no cluster yet", () => {
    expect(checkIdentity(MEMBER, { name: "n1" })).toBeNull();
    expect(checkIdentity(MEMBER, { name: "n1", cluster: MEMBER.cluster })).toBeNull();
    expect(checkIdentity(EMPTY, { name: "n1", cluster: MEMBER.cluster })).toBeNull();
  });

  test("by no other node and in no other cluster", () => {
    expect(checkIdentity(MEMBER, { name: "n2" })?.message).toContain('belongs to node "n1", not to "n2"');
    expect(checkIdentity(MEMBER, { name: "n1", cluster: HEX })?.message).toContain(
      `belongs to cluster ${MEMBER.cluster}, not to ${HEX}`,
    );
  });
});
