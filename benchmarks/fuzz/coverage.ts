/** What of the program an input reaches: V8's own counts of blocks, which begin anew each time that they are asked for. */
import { Session } from 'node:inspector/promises';

/** Blocks of the program's own files, each with the name of its function. */
export type Reached = ReadonlyMap<string, string>;

export class Coverage {
  readonly #session = new Session();

  static async start(): Promise<Coverage> {
    const coverage = new Coverage();
    coverage.#session.connect();
    await coverage.#session.post('Profiler.enable');
    await coverage.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    return coverage;
  }

  /** What was reached since the last call. */
  async take(): Promise<Reached> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const reached = new Map<string, string>();
    for (const { scriptId, url, functions } of result) {
      if (!/\/dist\/(common|peer|tracker)\//.test(url)) continue;
      for (const { functionName, ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) reached.set(`${scriptId} ${startOffset} ${endOffset}`, functionName);
    }
    return reached;
  }

  stop(): void {
    this.#session.disconnect();
  }
}
