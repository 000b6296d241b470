/** What hostile peers cost a fetch: the figures of `npm run bench:swarm -- --only hostile`. */
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { SlotMemory } from '../../peer/hash/slot-memory.js';
import { HOSTILE_KINDS, type HostileKind, hostileKind } from '../../peer/testkit/hostile/hostile-kinds.js';
import { type HostileOutcome, runHostileSwarm } from '../../peer/testkit/hostile/hostile-swarm.js';
import { seededBytes, type TestContent, testContent } from '../../peer/testkit/test-content.js';
import { type Figure, figure, type Section } from '../report.js';

const PEERS_COUNT = 10;
const CHUNKS_COUNT = 128;
const SLOT_COUNT = 64;

export interface HostileBenchOptions {
  /** The first seed; each run takes the next one. */
  readonly seed: number;
  readonly runCount: number;
  /** Told of each crowd. */
  readonly note: (line: string) => void;
}

interface Crowd {
  readonly title: string;
  readonly hostileCount: number;
  /** How many times as fast as honest lines theirs are. */
  readonly speed: number;
  readonly kindOf: (seed: number, at: number) => HostileKind;
}

const all = (name: string) => () => hostileKind(name);
const mixed = (seed: number, at: number) => HOSTILE_KINDS[(7 * seed + 11 * at) % HOSTILE_KINDS.length] ?? hostileKind('poison');
const poisoners = HOSTILE_KINDS.filter(({ row }) => row === 'MP1' || row === 'MP2' || row === 'MP3');
const lies = (seed: number, at: number) => poisoners[(seed + at) % poisoners.length] ?? hostileKind('poison');

const CROWDS: readonly Crowd[] = [7, 9].flatMap((hostileCount) => [
  { title: 'poisoners', hostileCount, speed: 1, kindOf: lies },
  { title: 'poisoners, ten times as fast as honest peers', hostileCount, speed: 10, kindOf: lies },
  { title: 'poisoners, a tenth as fast', hostileCount, speed: 0.1, kindOf: lies },
  { title: 'that stop at the last byte of a chunk', hostileCount, speed: 1, kindOf: all('stall-at-last-byte') },
  { title: 'that send no chunk', hostileCount, speed: 1, kindOf: all('silent-to-chunks') },
  { title: 'that send no manifest and wrong chunks', hostileCount, speed: 1, kindOf: all('silent-to-manifest') },
  { title: 'of all kinds, mixed', hostileCount, speed: 1, kindOf: mixed },
]);

export async function benchHostile({ seed, runCount, note }: HostileBenchOptions): Promise<Section> {
  const content = testContent(seededBytes(CHUNKS_COUNT * CHUNK_BYTES));
  const slots = new SlotMemory(SLOT_COUNT);
  const run = (one: Omit<Parameters<typeof runHostileSwarm>[0], 'content' | 'slots'>) =>
    runHostileSwarm({ ...one, content, slots });
  const honestMs = new Map<string, number>();
  const figures: Figure[] = [];
  for (const { title, hostileCount, speed, kindOf } of CROWDS) {
    const honestCount = PEERS_COUNT - hostileCount;
    const ratios: number[] = [];
    for (let at = 0; at < runCount; at += 1) {
      const own = seed + at;
      const key = `${honestCount} ${own}`;
      const aloneMs = honestMs.get(key) ?? timeOf(await run({ seed: own, honestCount, hostile: [] }), content);
      honestMs.set(key, aloneMs);
      const hostile = Array.from({ length: hostileCount }, (_, index) => kindOf(own, index));
      ratios.push(timeOf(await run({ seed: own, honestCount, hostile, hostileSpeed: speed }), content) / aloneMs);
    }
    const what = `${hostileCount} of ${PEERS_COUNT} peers ${title}`;
    note(`${what}: at worst ${Math.max(...ratios).toFixed(2)} times the honest time`);
    figures.push(figure(`${what}: median`, 'times the honest time', ratios));
    figures.push(figure(`${what}: worst`, 'times the honest time', [Math.max(...ratios)]));
  }
  const size = `${(CHUNKS_COUNT * CHUNK_BYTES) / 2 ** 20} MiB`;
  const about =
    `One fetch of ${size}, manifest and chunks, every chunk hashed; all lines 100 Mbit/s up and 400 down, 5 to 50 ms from the middle, drawn from seed ` +
    `${seed} on, ${runCount} seeds. The honest time is that of the same fetch from its honest peers alone. Every fetch is whole and exact, and no ` +
    'honest peer is blamed in any.';
  return { title: 'Hostile peers', note: about, figures };
}

/** How long it took; not a number where it is not what it should be, or an honest peer was blamed. */
function timeOf({ error, fetch, honestAddresses, tookMs }: HostileOutcome, { chunkCount }: TestContent): number {
  const isBlamed = [...fetch.banned, ...fetch.failed].some((address) => honestAddresses.includes(address));
  return error === undefined && fetch.isExact && fetch.had.count === chunkCount && !isBlamed ? tookMs : Number.NaN;
}
