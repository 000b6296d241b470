/**
 * What goes wrong on a simulated disk: rules that fail or hold up chosen operations. What a disk is (full, read-only, slow) it says
 * itself; where its blocks are bad, its files do.
 */
import type { DiskErrorCode } from './sim-disk-error.js';
import type { SimRandom } from './sim-random.js';

/** What programs do with a disk, as rules and observers name it. */
export type DiskOperation =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'set-attributes'
  | 'status'
  | 'close'
  | 'lstat'
  | 'realpath'
  | 'list'
  | 'check-access'
  | 'free-bytes'
  | 'make-folder'
  | 'link'
  | 'rename'
  | 'remove'
  | 'remove-folder'
  | 'sync-folder';

/** Those that change what is on the disk, or bring it there: the points at which a crash makes a difference. */
const CHANGING: ReadonlySet<DiskOperation> = new Set([
  'create',
  'write',
  'truncate',
  'sync',
  'set-attributes',
  'make-folder',
  'link',
  'rename',
  'remove',
  'remove-folder',
  'sync-folder',
]);

export function isChanging(operation: DiskOperation): boolean {
  return CHANGING.has(operation);
}

/** Everything that is given must fit an operation. */
export interface FaultRule {
  /** What the operation fails with: a write has written some of its bytes by then, a sync has lost some. None: it only takes longer. */
  readonly code?: DiskErrorCode;
  /** Milliseconds that it takes longer; default 0. Calls by descriptor, which take no time, are not held up. */
  readonly delayMs?: number;
  readonly operations: readonly DiskOperation[];
  /** Default: every path. Of a rename or link, the path that it begins with. */
  readonly path?: RegExp;
  /** How many that fit go well before; default 0. */
  readonly skipCount?: number;
  /** How many fail then; default 1. May be infinite. */
  readonly failCount?: number;
  /** Of those that may fail, the share that does; default 1. */
  readonly chance?: number;
}

interface ActiveRule extends FaultRule {
  skipsLeft: number;
  failuresLeft: number;
}

export interface Fault {
  readonly code: DiskErrorCode | undefined;
  readonly delayMs: number;
}

const NO_FAULT: Fault = { code: undefined, delayMs: 0 };

export class SimDiskFaults {
  readonly #random: SimRandom;
  readonly #rules = new Set<ActiveRule>();

  constructor(random: SimRandom) {
    this.#random = random;
  }

  /** Returns what withdraws it. */
  add(rule: FaultRule): () => void {
    const active = { ...rule, skipsLeft: rule.skipCount ?? 0, failuresLeft: rule.failCount ?? 1 };
    this.#rules.add(active);
    return () => void this.#rules.delete(active);
  }

  /** What happens to an operation that begins now. */
  draw(operation: DiskOperation, path: string): Fault {
    for (const rule of this.#rules) {
      if (!rule.operations.includes(operation) || rule.path?.test(path) === false) continue;
      if (rule.chance !== undefined && this.#random.unit() >= rule.chance) continue;
      if (rule.skipsLeft > 0) {
        rule.skipsLeft -= 1;
        continue;
      }
      rule.failuresLeft -= 1;
      if (rule.failuresLeft <= 0) this.#rules.delete(rule);
      return { code: rule.code, delayMs: rule.delayMs ?? 0 };
    }
    return NO_FAULT;
  }
}
