/** Waiting in tests for something that happens elsewhere, without guessing how long it takes. */

/** Resolves when `condition` holds; looks about every millisecond, and lets threads and processes work meanwhile. Fails after `patienceMs` with `what`. */
export async function until(what: string, condition: () => boolean, patienceMs = 20_000): Promise<void> {
  const sinceMs = performance.now();
  while (!condition()) {
    if (performance.now() - sinceMs > patienceMs) throw new Error(`Waited in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Lets everything that is due in this turn and the next happen. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
