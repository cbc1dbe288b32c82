import { describe, expect, it } from "vitest";
import { hostAllowed, hostOf, originAllowed } from "./guard.ts";

describe("the Host header", () => {
  it.each([
    ["127.0.0.1:7411", "127.0.0.1"],
    ["LocalHost", "localhost"],
    ["[::1]:7411", "::1"],
    ["kv.example:80", "kv.example"],
    [undefined, null],
    ["", null],
    ["a b", null],
    ["user@127.0.0.1", null],
    ["127.0.0.1:80:80", null],
  ])("%s names %s", (header, host) => expect(hostOf(header)).toBe(host));

  it.each([
    ["127.0.0.1:7411", true],
    ["10.1.2.3", true],
    ["[::1]:7411", true],
    ["localhost:7411", true],
    ["console.localhost", true],
    ["kv.example", true],
    ["kv.example.evil.example", false],
    ["localhost.evil.example", false],
    ["127.0.0.1.evil.example", false],
    [undefined, false],
  ])("%s is allowed: %s", (header, allowed) => {
    expect(hostAllowed(header, new Set(["kv.example"]))).toBe(allowed);
  });
});

describe("the Origin header", () => {
  it.each([
    [undefined, "127.0.0.1:7411", true],
    ["http://127.0.0.1:7411", "127.0.0.1:7411", true],
    ["https://kv.example", "kv.example", true],
    ["http://127.0.0.1:7412", "127.0.0.1:7411", false],
    ["null", "127.0.0.1:7411", false],
    ["https://evil.example", undefined, false],
  ])("%s to %s is allowed: %s", (origin, host, allowed) => expect(originAllowed(origin, host)).toBe(allowed));
});
