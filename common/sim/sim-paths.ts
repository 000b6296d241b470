/**
 * Which host hears from which: a network that falls apart and grows together again. A cut has a direction; several may lie over each
 * other, and a path is open while no cut is on it. A host always hears from itself.
 */

interface Cut {
  readonly from: ReadonlySet<string>;
  readonly to: ReadonlySet<string>;
}

export class SimPaths {
  readonly #cuts = new Set<Cut>();

  /** Nothing that hosts of `from` send arrives at hosts of `to`, until the function that is returned is called. Idempotent. */
  cut(from: Iterable<string>, to: Iterable<string>): () => void {
    const cut = { from: new Set(from), to: new Set(to) };
    this.#cuts.add(cut);
    return () => void this.#cuts.delete(cut);
  }

  /** As `cut`, in both directions. */
  part(some: Iterable<string>, others: Iterable<string>): () => void {
    const [here, there] = [[...some], [...others]];
    const heals = [this.cut(here, there), this.cut(there, here)];
    return () => {
      for (const heal of heals) heal();
    };
  }

  /** All paths are open again. */
  heal(): void {
    this.#cuts.clear();
  }

  isOpen(fromIp: string, toIp: string): boolean {
    if (fromIp === toIp) return true;
    for (const { from, to } of this.#cuts) if (from.has(fromIp) && to.has(toIp)) return false;
    return true;
  }
}
