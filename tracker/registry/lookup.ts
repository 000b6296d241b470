/**
 * Whom a LOOKUP names: a bounded sample of the living holders, fair by host, and the best of it in order. Holdings past their lease that
 * are met are removed.
 */
import type { Random } from '../../common/ports/random.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { Holding } from './holding.js';
import type { Records } from './records.js';
import { Candidate, selectHoldings, shareRows } from './selection.js';

/** Contents looked at for one LOOKUP, and holders of them: enough that the choice among them is fair and by load. */
const CONTENTS_SAMPLE_COUNT = 64;
const HOLDINGS_SAMPLE_COUNT = 256;

/** Samples drawn again because ended registrations were among them; each try gives their memory back. */
const SAMPLE_TRIES_COUNT = 8;

export class Lookup {
  readonly #random: Random;
  readonly #records: Records;

  constructor(ports: { readonly random: Random }, records: Records) {
    this.#random = ports.random;
    this.#records = records;
  }

  /** At most `maxCount`, the best first; several contents share the rows. Empty where nobody has it. The first is counted as named. */
  holders(ref: ContentRef, maxCount: number, tick: number): readonly Holding[] {
    for (let tries = 0; tries < SAMPLE_TRIES_COUNT; tries += 1) {
      const contents = this.#records.contents.sample(ref, CONTENTS_SAMPLE_COUNT, this.#random);
      if (contents.length === 0) return [];
      // One content may have to fill all rows, where the others have few holders.
      const sampleCount = Math.max(maxCount, Math.ceil(Math.max(HOLDINGS_SAMPLE_COUNT, 4 * maxCount) / contents.length));
      const ranked = contents
        .map((content) => selectHoldings(this.#sampleLive(content, sampleCount, tick), maxCount, this.#random))
        .filter((candidates) => candidates.length > 0);
      if (ranked.length === 0) continue;
      // A root has the same holder under many names, as empty files have; one row of it is enough.
      const rows = shareRows(ranked, maxCount, ref.by === 'root');
      if (rows[0] !== undefined) this.#records.handedOut.named(rows[0].peer);
      return rows;
    }
    return [];
  }

  /** Living holders of a content. A quarter of the sample is kept for partial ones. */
  #sampleLive(content: number, count: number, tick: number): Candidate[] {
    const { contents } = this.#records;
    let live: Candidate[] = [];
    for (let tries = 0; tries < SAMPLE_TRIES_COUNT; tries += 1) {
      const partial = contents.sampleHolders(content, false, Math.ceil(count / 4), this.#random);
      const complete = contents.sampleHolders(content, true, count - partial.length, this.#random);
      const roomCount = count - complete.length;
      const more = roomCount > partial.length ? contents.sampleHolders(content, false, roomCount, this.#random) : partial;
      live = this.#candidates(content, complete, more, tick);
      if (live.length === complete.length + more.length) break;
      for (const holding of [...complete, ...more]) if (!this.#records.isLive(holding, tick)) this.#records.remove(holding);
    }
    return live;
  }

  /** Those of a content's holdings that live. */
  #candidates(content: number, complete: readonly number[], partial: readonly number[], tick: number): Candidate[] {
    const { contents, holdings } = this.#records;
    const shown = contents.show(content);
    const live: Candidate[] = [];
    const take = (holding: number, isComplete: boolean): void => {
      if (!this.#records.isLive(holding, tick)) return;
      live.push(new Candidate(shown, holdings.peerOf(holding), holdings.haveChunks.get(holding), isComplete));
    };
    for (const holding of complete) take(holding, true);
    for (const holding of partial) take(holding, false);
    return live;
  }
}
