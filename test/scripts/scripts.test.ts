/** What `npm start` and `npm test` do before and after the work itself, in a project made for the test. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

interface Ensure {
  nodeProblem(version: string): string | null;
  installProblem(root: string): string | null;
  buildProblem(root: string): string | null;
  fingerprint(root: string): string;
  removeOrphans(root: string): void;
  ensure(settings: {
    root: string;
    say: (line: string) => void;
    run: { install: (root: string) => boolean; build: (root: string) => boolean };
  }): void;
}
interface Count {
  countTests(report: object | null, ok: boolean): { passed: number; failed: number; skipped: number };
  lastLine(total: { passed: number; failed: number; skipped: number }): string;
}

const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href);
const { nodeProblem, installProblem, buildProblem, fingerprint, removeOrphans, ensure } = (await script(
  "ensure.mjs",
)) as Ensure;
const { countTests, lastLine } = (await script("test-count.mjs")) as Count;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kvorum-scripts-"));
  write("package.json", "{}");
  write("package-lock.json", lock("1.0.0"));
  write("node_modules/.package-lock.json", lock("1.0.0"));
  write("src/a.ts", "export const a = 1;");
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function lock(version: string, more: Record<string, object> = {}): string {
  const packages = { "node_modules/left": { version, integrity: `sha512-${version}` }, ...more };
  return JSON.stringify({ packages: { "": { version: "0.1.0" }, ...packages } });
}

function built(): void {
  write("dist/a.js", "");
  write("dist/.build-stamp.json", JSON.stringify({ inputs: fingerprint(root) }));
}

it.each([
  ["18.20.0", false],
  ["20.18.3", false],
  ["20.19.0", true],
  ["22.0.0", true],
  ["24.1.0", true],
])("Node.js %s is new enough: %s", (version, fits) => expect(nodeProblem(version) === null).toBe(fits));

describe("the packages", () => {
  it("are fine when they are those of the lock file, whatever the times of the files", () => {
    utimesSync(join(root, "node_modules/.package-lock.json"), 1, 1);
    expect(installProblem(root)).toBeNull();
  });

  it("have to be installed when they are missing, half there, of another version or of other content", () => {
    write("package-lock.json", lock("2.0.0"));
    expect(installProblem(root)).toBe(
      "node_modules is older than package-lock.json (left is 1.0.0, not 2.0.0)",
    );
    write("package-lock.json", lock("1.0.0", { "node_modules/right": { version: "1.0.0" } }));
    expect(installProblem(root)).toBe("node_modules is older than package-lock.json (right is missing)");
    write("node_modules/.package-lock.json", "{ half");
    expect(installProblem(root)).toBe("node_modules was not installed completely");
    rmSync(join(root, "node_modules"), { recursive: true });
    expect(installProblem(root)).toBe("node_modules is missing");
  });

  it("may lack what does not fit this machine", () => {
    write(
      "package-lock.json",
      lock("1.0.0", { "node_modules/left-darwin": { version: "1.0.0", optional: true } }),
    );
    expect(installProblem(root)).toBeNull();
  });
});

describe("the build", () => {
  it("is made again when a source changes, appears or goes, but not for a test", () => {
    expect(buildProblem(root)).toBe("dist is missing");
    built();
    expect(buildProblem(root)).toBeNull();
    write("src/a.test.ts", "it");
    utimesSync(join(root, "src/a.ts"), 9_999_999_999, 9_999_999_999);
    expect(buildProblem(root)).toBeNull();
    write("src/deep/b.ts", "");
    expect(buildProblem(root)).toBe("dist is older than the source");
    built();
    rmSync(join(root, "src/deep/b.ts"));
    expect(buildProblem(root)).toBe("dist is older than the source");
    rmSync(join(root, "dist/.build-stamp.json"));
    expect(buildProblem(root)).toBe("dist was not built completely");
  });

  it("leaves nothing behind of a source that is gone", () => {
    for (const path of ["dist/a.js", "dist/a.d.ts", "dist/gone.js", "dist/gone.d.ts", "dist/gone.js.map"])
      write(path, "");
    removeOrphans(root);
    const left = ["a.js", "a.d.ts", "gone.js", "gone.d.ts", "gone.js.map"].filter((name) =>
      existsSync(join(root, "dist", name)),
    );
    expect(left).toEqual(["a.js", "a.d.ts"]);
  });
});

describe("ensure", () => {
  function run(): { said: string[]; done: string[] } {
    const said: string[] = [];
    const done: string[] = [];
    ensure({
      root,
      say: (line) => said.push(line),
      run: {
        install: () => (done.push("install"), true),
        build: () => (done.push("build"), built(), true),
      },
    });
    return { said, done };
  }

  it("installs and builds in a fresh clone, and says so; the second time it does nothing", () => {
    rmSync(join(root, "node_modules"), { recursive: true });
    expect(run()).toEqual({
      said: ["node_modules is missing: running npm ci …", "dist is missing: building …"],
      done: ["install", "build"],
    });
    write("node_modules/.package-lock.json", lock("1.0.0"));
    expect(run()).toEqual({ said: [], done: [] });
  });
});

describe("the count at the end of npm test", () => {
  const file = (status: string, ...tests: string[]) => ({
    status,
    assertionResults: tests.map((test) => ({ status: test })),
  });

  it("is vitest's own when all went well", () => {
    const report = {
      numPassedTests: 7,
      numFailedTests: 0,
      numPendingTests: 1,
      numTodoTests: 1,
      testResults: [file("passed", "passed")],
    };
    expect(countTests(report, true)).toEqual({ passed: 7, failed: 0, skipped: 2 });
  });

  it("counts a file that could not be loaded, an error outside of tests, and a crash", () => {
    const broken = {
      numPassedTests: 1,
      numFailedTests: 1,
      testResults: [file("failed", "failed"), file("failed")],
    };
    expect(countTests(broken, false)).toEqual({ passed: 1, failed: 2, skipped: 0 });
    const unhandled = { numPassedTests: 3, numFailedTests: 0, testResults: [file("passed", "passed")] };
    expect(countTests(unhandled, false)).toEqual({ passed: 3, failed: 1, skipped: 0 });
    expect(countTests(null, false)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it("reads exactly so", () => {
    expect(lastLine({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(lastLine({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
  });
});
