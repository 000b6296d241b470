/**
 * Faults that are planted to see that the simulation finds them: each stands for a mistake that somebody could make in the program, and
 * must be caught within a few seeds.
 */
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import type { Hasher } from '../../peer/hash/hasher.js';
import type { NodePorts } from '../../peer/node.js';
import type { ProgramRun } from './machine.js';
import type { WorldOptions } from './world.js';

export interface Canary {
  readonly name: string;
  /** What of the program's ports is replaced. */
  readonly plant: (ports: ProgramRun['ports']) => Partial<ProgramRun['ports']>;
}

export const CANARIES: readonly Canary[] = [
  // Chunks are believed, not checked.
  { name: 'unverified-chunks', plant: ({ openHasher }) => ({ openHasher: (options) => believing(openHasher(options)) }) },
  // Data is said to be on the disk and is not.
  { name: 'data-not-synced', plant: ({ disk }) => ({ disk: withFiles(disk, { sync: async () => undefined }) }) },
  // Names are said to be on the disk and are not.
  { name: 'names-not-synced', plant: ({ disk }) => ({ disk: replaced(disk, { syncFolder: async () => undefined }) }) },
  // Files are never closed.
  { name: 'files-not-closed', plant: ({ disk }) => ({ disk: withFiles(disk, { close: async () => undefined }) }) },
  // What was left beside a target stays.
  { name: 'nothing-removed', plant: ({ disk }) => ({ disk: replaced(disk, { remove: async () => undefined }) }) },
  // A fetch that waits for a timer waits for ever.
  {
    name: 'timers-that-stop',
    plant: ({ clock }) => ({
      clock: replaced(clock, { setTimer: (name, ms, run) => clock.setTimer(name, name === 'fetch tick' ? ms * 1e6 : ms, run) }),
    }),
  },
  // A node answers with what was asked of it before.
  { name: 'wrong-bytes-read', plant: ({ disk }) => ({ disk: readingWrong(disk) }) },
];

/** What plants a canary; nothing for `undefined`. Throws where there is none of the name. */
export function canaryNamed(name: string | undefined): Pick<WorldOptions, 'equip'> {
  if (name === undefined) return {};
  const canary = CANARIES.find((one) => one.name === name);
  if (canary === undefined)
    throw new Error(`There is no canary "${name}"; there are ${CANARIES.map((one) => one.name).join(', ')}, and all.`);
  return { equip: (run) => ({ ...run, ports: { ...run.ports, ...canary.plant(run.ports) } }) };
}

/** An object with some of its methods replaced. */
function replaced<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const other: unknown = Reflect.get(methods, name);
      const own: unknown = other ?? Reflect.get(target, name, target);
      return typeof own === 'function' && other === undefined ? own.bind(target) : own;
    },
  });
}

function withFiles(disk: Disk, methods: Partial<DiskFile>): Disk {
  return replaced(disk, { open: async (...how) => replaced(await disk.open(...how), methods) });
}

function believing(hasher: Hasher): Hasher {
  return replaced(hasher, {
    land: (landing, hashName) => hasher.land({ ...landing, expectation: { by: 'nothing' } }, hashName),
  });
}

/** Serves bytes of a file with one changed. */
function readingWrong(disk: NodePorts['disk']): Disk {
  const spoil = (file: DiskFile): DiskFile =>
    replaced(file, {
      read: async (into, position) => {
        const count = await file.read(into, position);
        const first = into[0];
        if (first !== undefined && count > 1) into[0] = first ^ 1;
        return count;
      },
    });
  return replaced(disk, {
    open: async (path, how, mode) =>
      how === 'read' && path.includes('shared') ? spoil(await disk.open(path, how, mode)) : disk.open(path, how, mode),
  });
}
