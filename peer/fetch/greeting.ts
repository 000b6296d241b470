/**
 * The first words on a connection to a peer: which chunks of the content it has. From then on its news go to the plan.
 * See the HAVE exchange in common/PROTOCOL.md.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { asShoalError, invariant, protocolError } from '../../common/core/errors.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ChunkRange, HaveNews } from '../../common/wire/peer-lines.js';
import type { Introduction } from '../net/introduction.js';
import type { PeerConnection } from '../net/peer-connection.js';
import type { Plan } from './plan.js';
import type { Supplier } from './supplier.js';

/**
 * A peer whose chunks come in faster than it can tell of them goes through all that it has once more, after every few hundred that came in.
 * So it may repeat itself: all chunks this many times, and once more for each `NEWS_PER_REPEAT_COUNT` that were really new.
 */
const FREE_REPEATS_COUNT = 64;
const NEWS_PER_REPEAT_COUNT = 64;
/** What a peer may answer that knows HAVE and cannot tell now: it is greeted again, the next time. */
const NOT_NOW_CODES: readonly string[] = ['BUSY', 'LIMIT', 'NOT_FOUND'];

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
  const news = new NewsReader(skippedCount, unitCount, (first, count) => plan.gainedRun(peer, first, count));
  const onNews = (line: HaveNews) => {
    if (supplier.lane.connection !== connection) return;
    if (line.root !== root) return news.ignore(line.ranges);
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
    if (NOT_NOW_CODES.includes(code)) supplier.greeting = 'due';
    if (code === 'PROTOCOL' || NOT_NOW_CODES.includes(code)) throw error;
    supplier.greeting = 'plain';
  }
  return 'ready';
}

/**
 * Turns news into units. What comes before the bitfield is known, in the same read for one, is kept until then, since it is newer.
 * Invariant: takes no more memory than the bitfield, whatever the peer tells, and no more time than it told of new chunks.
 */
export class NewsReader {
  readonly #skippedCount: number;
  readonly #unitCount: number;
  readonly #gained: (firstUnit: number, unitCount: number) => number;
  #early: Bitfield | undefined;
  #isKnown = false;
  /** Repeated chunks that are still put up with. */
  #patienceCount: number;

  /** `gained` takes a run of units, and returns how many of them were news. */
  constructor(skippedCount: number, unitCount: number, gained: (firstUnit: number, unitCount: number) => number) {
    this.#skippedCount = skippedCount;
    this.#unitCount = unitCount;
    this.#gained = gained;
    this.#patienceCount = FREE_REPEATS_COUNT * this.#chunkCount;
  }

  get #chunkCount(): number {
    return this.#skippedCount + this.#unitCount;
  }

  /** Throws `PROTOCOL` where the chunks cannot be, or are told of again and again. */
  take(ranges: readonly ChunkRange[]): void {
    for (const [first, count] of ranges) {
      this.#patienceCount -= count;
      if (first + count > this.#chunkCount || this.#patienceCount < 0)
        throw protocolError('It claims chunks that the content does not have, or the same ones again and again.');
      const firstUnit = Math.max(0, first - this.#skippedCount);
      const unitCount = first + count - this.#skippedCount - firstUnit;
      if (unitCount > 0) this.#takeUnits(firstUnit, unitCount);
    }
  }

  /** News of another content. Throws `PROTOCOL` where too many come: each costs time to read, and nobody asked for them. */
  ignore(ranges: readonly ChunkRange[]): void {
    this.#patienceCount -= ranges.length;
    if (this.#patienceCount < 0) throw protocolError('It goes on telling of another content than the one it was asked about.');
  }

  /** The bitfield is known. */
  begin(): void {
    this.#isKnown = true;
    const early = this.#early;
    this.#early = undefined;
    for (const [first, count] of early?.runs() ?? []) this.#takeUnits(first, count);
  }

  #takeUnits(first: number, count: number): void {
    if (this.#isKnown) this.#patienceCount += Math.ceil((this.#gained(first, count) * this.#chunkCount) / NEWS_PER_REPEAT_COUNT);
    else {
      this.#early ??= new Bitfield(this.#unitCount);
      this.#early.addRun(first, count);
    }
  }
}
