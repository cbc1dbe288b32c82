/** Counts what vitest's JSON report says, so that nothing that went wrong can be missing from the sum. */

/** `report` is null when vitest ended without one; `ok` is whether it ended well. */
export function countTests(report, ok) {
  const passed = report?.numPassedTests ?? 0;
  const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  // A file that could not even be loaded has no tests that could fail.
  const unloaded = (report?.testResults ?? []).filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = (report?.numFailedTests ?? 0) + unloaded;
  // It ended badly, and no test says why (an unhandled error, a crash): that is a failure of its own.
  return { passed, skipped, failed: failed === 0 && !ok ? 1 : failed };
}

/** Exactly `N passed, N failed`, and `, N skipped` when there are any. */
export function lastLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
