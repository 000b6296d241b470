/**
 * What a seed stands for: who is there, what they share and fetch, over which lines, and what goes wrong when. All of it is drawn before
 * anything runs, so that a seed can be read, and what runs cannot change what happens to it.
 */
import type { HashName } from '../../common/core/hash.js';
import type { RateLimitOptions } from '../../peer/net/rate-limits.js';
import { HOSTILE_KINDS, type HostileKind } from '../../peer/testkit/hostile/hostile-kinds.js';
import { Draw } from './draw.js';
import { drawFaults, type Fault } from './fault-schedule.js';
import { SAMPLE_SIZES, SMALL_SIZES } from './samples.js';

export interface ScenarioFile {
  /** Of a single file its name; of one in a folder its path there. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly variant: number;
}

export interface ScenarioContent {
  readonly name: string;
  readonly isFolder: boolean;
  readonly files: readonly ScenarioFile[];
  readonly hashName: HashName;
}

export interface Line {
  readonly upBytesPerSecond: number;
  readonly downBytesPerSecond: number;
  readonly latencyMs: number;
}

/** What the program at a machine is told with every command. */
export interface MachineFlags {
  readonly isUdp: boolean;
  readonly limits: RateLimitOptions | undefined;
  /** Indexes of trackers. */
  readonly trackers: readonly number[];
}

export interface SharerPlan extends MachineFlags {
  readonly role: 'share';
  /** Indexes of contents. */
  readonly contents: readonly number[];
  readonly startMs: number;
}

export interface FetcherPlan extends MachineFlags {
  readonly role: 'fetch';
  readonly content: number;
  readonly by: 'link' | 'root' | 'name';
  readonly startMs: number;
  readonly patienceMs: number;
  /** Goes on serving it when it has it. */
  readonly isSeeding: boolean;
}

export interface HostilePlan {
  readonly role: 'hostile';
  readonly content: number;
  readonly kind: HostileKind;
}

export type MachinePlan = (SharerPlan | FetcherPlan | HostilePlan) & { readonly line: Line };

export interface TrackerPlan {
  readonly line: Line;
  readonly intervalMs: number;
}

export interface Scenario {
  readonly seed: number;
  /**
   * Most fetches are over in a few seconds, before most of what could go wrong. In a long one files have several chunks and lines are slow,
   * so that whoever fetches is hit meanwhile, and more than once.
   */
  readonly isLong: boolean;
  readonly trackers: readonly TrackerPlan[];
  readonly contents: readonly ScenarioContent[];
  readonly machines: readonly MachinePlan[];
  readonly faults: readonly Fault[];
  /** From then on nothing goes wrong any more. */
  readonly healedMs: number;
}

/** One seed in so many, at this place among them, is a long one. */
const LONG_EVERY_COUNT = 4;
const LONG_PLACE = 3;
/** Of the sizes, those of several chunks. */
const LONG_SIZES_COUNT = 3;
/** Bytes a second, from and to. */
const LINE_BYTES = [100_000, 12_000_000] as const;
const SLOW_LINE_BYTES = [50_000, 500_000] as const;

export function drawScenario(seed: number): Scenario {
  const draw = new Draw(seed);
  const isLong = seed % LONG_EVERY_COUNT === LONG_PLACE;
  const line = () => drawLine(draw, isLong ? SLOW_LINE_BYTES : LINE_BYTES);
  const trackers = Array.from({ length: draw.isOneIn(3) ? 2 : 1 }, () => ({
    line: { upBytesPerSecond: 1e7, downBytesPerSecond: 1e7, latencyMs: draw.magnitude(1, 60) },
    intervalMs: draw.pick([10_000, 30_000]),
  }));
  const sizes = isLong ? SAMPLE_SIZES.slice(-LONG_SIZES_COUNT) : SAMPLE_SIZES;
  const contents = Array.from({ length: draw.pick([1, 1, 2]) }, (_, at) => drawContent(draw, at, sizes));
  const machines: MachinePlan[] = [];
  const flags = () => drawFlags(draw, trackers.length);
  for (const content of contents.keys()) {
    for (let count = draw.pick([1, 1, 2]); count > 0; count -= 1) {
      machines.push({ role: 'share', contents: [content], startMs: draw.between(0, 3000), line: line(), ...flags() });
    }
  }
  for (let count = draw.pick([2, 2, 3, 3, 4, 6, 8]); count > 0; count -= 1) {
    const own = flags();
    machines.push({ ...drawFetcher(draw, contents, isLong), line: line(), ...own });
  }
  if (draw.isOneIn(3)) {
    for (let count = draw.between(1, 3); count > 0; count -= 1) machines.push({ ...drawHostile(draw, contents), line: line() });
  }
  const cast = { seed, isLong, trackers, contents, machines };
  return { ...cast, ...drawFaults(draw, cast) };
}

function drawContent(draw: Draw, at: number, sizes: readonly number[]): ScenarioContent {
  const hashName = draw.isOneIn(4) ? 'sha256' : 'blake3';
  // Of each content its own: two files of one root may go by either name.
  const variant = () => 3 * at + draw.between(0, 2);
  if (!draw.isOneIn(4)) {
    const name = `file-${at}.bin`;
    return { name, isFolder: false, hashName, files: [{ path: name, sizeBytes: draw.pick(sizes), variant: variant() }] };
  }
  const files = Array.from({ length: draw.between(1, 6) }, (_, nth) => {
    const sizeBytes = draw.isOneIn(3) ? draw.pick(sizes) : draw.pick(SMALL_SIZES);
    return { path: `${draw.isOneIn(2) ? 'inner/' : ''}part-${nth}`, sizeBytes, variant: variant() };
  });
  return { name: `folder-${at}`, isFolder: true, hashName, files };
}

function drawLine(draw: Draw, [least, most]: readonly [number, number]): Line {
  const upBytesPerSecond = draw.magnitude(least, most);
  return { upBytesPerSecond, downBytesPerSecond: upBytesPerSecond * draw.between(1, 4), latencyMs: draw.magnitude(1, 150) };
}

function drawFlags(draw: Draw, trackerCount: number): MachineFlags {
  const all = [...Array(trackerCount).keys()];
  const isLimited = draw.isOneIn(6);
  const limits = { upBytesPerSecond: draw.magnitude(100_000, 4_000_000), isLanLimited: true };
  return {
    isUdp: draw.isOneIn(3),
    // The first is everybody's, so that all can find each other.
    trackers: draw.isOneIn(4) ? [0] : all,
    limits: isLimited ? limits : undefined,
  };
}

function drawFetcher(draw: Draw, contents: readonly ScenarioContent[], isSoon: boolean): Omit<FetcherPlan, keyof MachineFlags> {
  return {
    role: 'fetch',
    content: draw.between(0, contents.length - 1),
    by: draw.pick(['link', 'link', 'root', 'name'] as const),
    startMs: isSoon || draw.isOneIn(2) ? draw.between(0, 2000) : draw.between(0, 30_000),
    patienceMs: draw.pick([10_000, 30_000, 30_000]),
    isSeeding: !draw.isOneIn(3),
  };
}

function drawHostile(draw: Draw, contents: readonly ScenarioContent[]): HostilePlan {
  return { role: 'hostile', content: draw.between(0, contents.length - 1), kind: draw.pick(HOSTILE_KINDS) };
}
