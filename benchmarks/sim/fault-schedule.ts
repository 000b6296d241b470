/** What goes wrong in a scenario, and when. Every fault has an end, or the end of all faults is its own. */
import { Draw } from './draw.js';
import type { MachinePlan, Scenario } from './scenario.js';

interface Span {
  readonly atMs: number;
  readonly forMs: number;
}

export type Fault = Span &
  (
    | { readonly kind: 'datagrams'; readonly lossShare: number; readonly duplicateShare: number; readonly delayMaxMs: number }
    /** Of the streams that are made meanwhile, this share is reset, or falls silent, after up to so many bytes. */
    | { readonly kind: 'resets' | 'silences'; readonly share: number; readonly bytesMax: number }
    /** Machines are cut off from all others; `isOneWay`: they are heard no more, and hear. */
    | { readonly kind: 'partition'; readonly machines: readonly number[]; readonly isOneWay: boolean }
    | { readonly kind: 'tracker-crash'; readonly tracker: number; readonly isPower: boolean }
    /** Stopped as by SIGSTOP. */
    | { readonly kind: 'stall'; readonly machine: number }
    /**
     * `changeCount`: at the so-manieth change of the disk from then on, at once where it is 0; `isMoved`: comes back with another address;
     * `isRotten`: bits of what it had fetched have changed meanwhile.
     */
    | {
        readonly kind: 'crash';
        readonly machine: number;
        readonly isPower: boolean;
        readonly changeCount: number;
        readonly isMoved: boolean;
        readonly isRotten: boolean;
      }
    /** The person ends the command, and gives it again. */
    | { readonly kind: 'interrupt'; readonly machine: number }
    | { readonly kind: 'disk-full'; readonly machine: number; readonly leftBytes: number }
    | {
        readonly kind: 'disk-error';
        readonly machine: number;
        readonly what: DiskTrouble;
        readonly skipCount: number;
        readonly failCount: number;
      }
    /** The file that is shared gets other contents, in place or by a rename. */
    | { readonly kind: 'edit'; readonly machine: number; readonly content: number; readonly isInPlace: boolean }
  );

export type DiskTrouble = 'sync' | 'read' | 'write' | 'rename' | 'sync-folder' | 'create';

export type FaultKind = Fault['kind'];

const SECOND_MS = 1000;
/** Faults begin within this time: most fetches are over by then. */
const TROUBLE_MS = 60 * SECOND_MS;

type Cast = Pick<Scenario, 'seed' | 'isLong' | 'trackers' | 'machines' | 'contents'>;

/** Added to a seed for what is drawn on its own. */
const ROT_SALT = 0x4000_0000;

/** Faults and the time from which there are none. One seed in eight has none at all. */
export function drawFaults(draw: Draw, cast: Cast): Pick<Scenario, 'faults' | 'healedMs'> {
  if (draw.isOneIn(8)) return { faults: [], healedMs: 0 };
  const { isLong } = cast;
  const troubleMs = draw.pick(isLong ? [20 * SECOND_MS] : [8 * SECOND_MS, 20 * SECOND_MS, TROUBLE_MS]);
  const count = draw.pick(isLong ? [4, 6, 10] : [1, 2, 3, 4, 6, 10]);
  const kinds = isLong ? MACHINE_KINDS : KINDS;
  // Drawn on its own, so that a seed that once failed is still the same but for this.
  const rotDraw = new Draw(cast.seed + ROT_SALT);
  const faults = Array.from({ length: count }, () => {
    const fault = drawFault(draw, cast, kinds, troubleMs);
    return fault.kind === 'crash' ? { ...fault, isRotten: rotDraw.isOneIn(2) } : fault;
  }).sort((a, b) => a.atMs - b.atMs);
  return { faults, healedMs: Math.max(...faults.map(({ atMs, forMs }) => atMs + forMs)) };
}

function drawFault(draw: Draw, cast: Cast, kinds: readonly FaultKind[], troubleMs: number): Fault {
  const span = { atMs: draw.between(0, troubleMs), forMs: draw.magnitude(200, 40 * SECOND_MS) };
  const ownersOf = (role: MachinePlan['role']) => [...cast.machines.keys()].filter((at) => cast.machines[at]?.role === role);
  const [sharers, fetchers] = [ownersOf('share'), ownersOf('fetch')];
  // Fetchers write, so they have more to lose.
  const machine = draw.isOneIn(4) ? draw.pick(sharers) : draw.pick(fetchers);
  const isPower = draw.isOneIn(2);
  switch (draw.pick(kinds)) {
    case 'datagrams':
      return {
        ...{ kind: 'datagrams', ...span, lossShare: draw.pick([0.05, 0.3, 0.9]) },
        ...{ duplicateShare: draw.pick([0, 0.2]), delayMaxMs: draw.pick([0, 50, 800]) },
      };
    case 'resets':
      return { kind: 'resets', ...span, share: draw.pick([0.2, 0.7, 1]), bytesMax: draw.magnitude(20, 3_000_000) };
    case 'silences':
      return { kind: 'silences', ...span, share: draw.pick([0.2, 0.5]), bytesMax: draw.magnitude(20, 1_500_000) };
    case 'partition': {
      const all = [...cast.machines.keys()];
      const machines = draw.some(all, draw.between(1, Math.max(1, all.length - 1)));
      return { kind: 'partition', ...span, machines, isOneWay: draw.isOneIn(3) };
    }
    case 'tracker-crash':
      return { kind: 'tracker-crash', ...span, tracker: draw.between(0, cast.trackers.length - 1), isPower };
    case 'stall':
      return { kind: 'stall', ...span, machine };
    case 'crash': {
      const changeCount = draw.isOneIn(3) ? 0 : draw.magnitude(1, cast.isLong ? 12 : 60);
      return { kind: 'crash', ...span, machine, isPower, changeCount, isMoved: draw.isOneIn(6), isRotten: false };
    }
    case 'interrupt':
      return { kind: 'interrupt', ...span, machine: draw.pick(fetchers) };
    case 'disk-full':
      return { kind: 'disk-full', ...span, machine, leftBytes: draw.pick([0, 4096, 100_000, 1_000_000]) };
    case 'disk-error': {
      const what = draw.pick(['sync', 'sync', 'read', 'write', 'rename', 'sync-folder', 'create'] as const);
      return { kind: 'disk-error', ...span, machine, what, skipCount: draw.pick([0, 0, 1, 5]), failCount: draw.pick([1, 1, 3]) };
    }
    case 'edit': {
      const owner = draw.pick(sharers);
      const plan = cast.machines[owner];
      const content = plan?.role === 'share' ? (plan.contents[0] ?? 0) : 0;
      if (cast.contents[content]?.isFolder === true) return { kind: 'stall', ...span, machine };
      return { kind: 'edit', ...span, machine: owner, content, isInPlace: draw.isOneIn(2) };
    }
  }
}

/** As likely as they are often named. */
const KINDS: readonly FaultKind[] = [
  ...(['datagrams', 'resets', 'resets', 'silences', 'partition', 'partition', 'tracker-crash', 'stall'] as const),
  ...(['crash', 'crash', 'crash', 'crash', 'interrupt', 'disk-full', 'disk-error', 'disk-error', 'edit'] as const),
];

/** Those that hit a machine at work. */
const MACHINE_KINDS: readonly FaultKind[] = [
  ...([
    'crash',
    'crash',
    'crash',
    'crash',
    'interrupt',
    'disk-full',
    'disk-error',
    'disk-error',
    'stall',
    'tracker-crash',
  ] as const),
];
