/**
 * The first words on a connection to a peer: which chunks of the content it has. From then on its news go to the plan.
 * See the HAVE exchange in common/PROTOCOL.md.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { asShoalError, invariant, protocolError } from '../../common/core/errors.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { HaveNews } from '../../common/wire/peer-lines.js';
import type { Introduction, PeerConnection } from '../net/peer-connection.js';
import type { Plan } from './plan.js';
import type { Supplier } from './supplier.js';

/** A peer may tell of each chunk this many times on one connection: chunks can be lost to a failing disk and come again. */
const NEWS_FACTOR = 4;

/** The content that peers are asked about, and how its chunks become units of the plan. */
export interface SwarmContent {
  readonly root: ContentRoot;
  /** Chunks before the first unit: those of a folder's index. */
  readonly skippedCount: number;
  readonly introduction: Introduction;
}

/**
 * Asks what a peer has, and tells the plan. Resolves with whether it may be asked for chunks; `self` where it is this very process.
 * Throws `PROTOCOL` where its answer is none, and what the connection failed with; `NOT_FOUND` where it does not have the content.
 */
export async function greet(
  supplier: Supplier,
  connection: PeerConnection,
  plan: Plan,
  swarm: SwarmContent,
  heard: () => void,
): Promise<'ready' | 'self'> {
  supplier.greeting = 'greeting';
  const { root, skippedCount, introduction } = swarm;
  const unitCount = plan.had.length;
  const sizeBytes = Math.ceil((skippedCount + unitCount) / 8);
  const { peer } = supplier;
  invariant(peer !== undefined, 'the plan knows whom it greets');
  const news = new NewsReader(skippedCount, unitCount, (unit) => plan.gained(peer, unit));
  const onNews = (line: HaveNews) => {
    if (line.root !== root || supplier.lane.connection !== connection) return;
    news.take(line.ranges);
    supplier.isDry = false;
    heard();
  };
  try {
    const bytes = await connection.getHave({ by: 'root', root }, introduction, sizeBytes, onNews);
    if (supplier.peer !== peer) return 'ready';
    if (bytes.length !== sizeBytes) throw protocolError(`It says what it has in ${bytes.length} bytes, not in ${sizeBytes}.`);
    plan.knows(peer, Bitfield.fromBytes(bytes, unitCount, skippedCount));
    supplier.greeting = 'telling';
    news.begin();
  } catch (error) {
    const { code } = asShoalError(error);
    if (connection.failure !== undefined) throw error;
    if (code === 'DENIED') return 'self';
    if (code !== 'UNKNOWN_COMMAND' && code !== 'BAD_REQUEST') throw error;
    supplier.greeting = 'plain';
  }
  return 'ready';
}

/** Turns news into units. What comes in the same read as the bitfield is kept until that is known, since it is newer. */
class NewsReader {
  readonly #skippedCount: number;
  readonly #unitCount: number;
  readonly #gained: (unit: number) => void;
  #early: (readonly [first: number, count: number])[] | undefined = [];
  #leftCount: number;

  constructor(skippedCount: number, unitCount: number, gained: (unit: number) => void) {
    this.#skippedCount = skippedCount;
    this.#unitCount = unitCount;
    this.#gained = gained;
    this.#leftCount = NEWS_FACTOR * (skippedCount + unitCount);
  }

  /** Throws `PROTOCOL` where the chunks cannot be, or are told of again and again. */
  take(ranges: readonly (readonly [first: number, count: number])[]): void {
    for (const [first, count] of ranges) {
      this.#leftCount -= count;
      if (first + count > this.#skippedCount + this.#unitCount || this.#leftCount < 0)
        throw protocolError('It claims chunks that the content does not have, or the same ones again and again.');
    }
    if (this.#early === undefined) this.#apply(ranges);
    else this.#early.push(...ranges);
  }

  begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    this.#apply(early);
  }

  #apply(ranges: readonly (readonly [first: number, count: number])[]): void {
    for (const [first, count] of ranges) {
      const end = first + count - this.#skippedCount;
      for (let unit = Math.max(0, first - this.#skippedCount); unit < end; unit += 1) this.#gained(unit);
    }
  }
}
