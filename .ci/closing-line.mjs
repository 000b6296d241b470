// The last line of a test run: `N passed, N failed`. A suite that does not load counts as failed.
export default class ClosingLine {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
    // The default reporter writes to standard error; at exit it has finished, so this line comes last.
    process.on('exit', () => process.stdout.write(line));
  }
}
