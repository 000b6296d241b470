/**
 * Faults that are planted to see that the simulation finds them: each stands for a mistake that somebody could make in the program, and
 * must be caught within a few dozen seeds, by the very invariants that it breaks.
 */
import type { Actor } from './actor.js';
import type { ProgramRun } from './machine.js';
import {
  believing,
  believingResume,
  misread,
  readingWrong,
  replaced,
  straying,
  syncedAtItsName,
  withFiles,
} from './planted-ports.js';
import type { SeedOutcome } from './seed-run.js';
import type { WorldOptions } from './world.js';

type Ports = ProgramRun['ports'];

export interface Canary {
  readonly name: string;
  /** What is said of it, each in some seed. */
  readonly finds: readonly RegExp[];
  /** What of the program's ports is replaced. */
  readonly plant: (ports: Ports, actor: Actor) => Partial<Ports>;
}

const TAKEN_BACK = /reported done what a power cut could take back/;

export const CANARIES: readonly Canary[] = [
  {
    // Chunks are believed, not checked.
    name: 'unverified-chunks',
    finds: [/counts \d+ bytes, and \d+ are there/],
    plant: ({ openHasher }) => ({ openHasher: (options) => believing(openHasher(options)) }),
  },
  {
    // Chunks count that are not where they belong.
    name: 'chunks-astray',
    finds: [/counts \d+ bytes, and \d+ are there/, /tells others that it has chunk/],
    plant: ({ openHasher }) => ({ openHasher: (options) => straying(openHasher(options)) }),
  },
  {
    // What an earlier run had is not looked at again.
    name: 'resume-unchecked',
    finds: [/tells others that it has chunk|counts \d+ bytes, and \d+ are there|has other bytes/],
    plant: ({ openHasher }, actor) => ({ openHasher: (options) => believingResume(openHasher(options), actor) }),
  },
  {
    // The journal is on the disk before what it claims.
    name: 'journal-first',
    finds: [/its journal claims chunk/],
    plant: ({ disk }) => ({ disk: syncedAtItsName(disk) }),
  },
  {
    // Data is said to be on the disk and is not.
    name: 'data-not-synced',
    finds: [TAKEN_BACK],
    plant: ({ disk }) => ({ disk: withFiles(disk, () => ({ sync: async () => undefined })) }),
  },
  {
    // Names are said to be on the disk and are not.
    name: 'names-not-synced',
    finds: [TAKEN_BACK],
    plant: ({ disk }) => ({ disk: replaced(disk, { syncFolder: async () => undefined }) }),
  },
  {
    // Files are never closed.
    name: 'files-not-closed',
    finds: [/files are still open/],
    plant: ({ disk }) => ({ disk: withFiles(disk, () => ({ close: async () => undefined })) }),
  },
  {
    // Streams are never closed.
    name: 'streams-not-closed',
    finds: [/streams or ports are still open/],
    plant: ({ dialer }) => ({
      dialer: replaced(dialer, {
        dial: (to, timeoutMs, begin, signal) =>
          dialer.dial(
            to,
            timeoutMs,
            (stream) => begin(replaced(stream, { destroy: () => undefined, end: () => undefined })),
            signal,
          ),
      }),
    }),
  },
  {
    // What was left beside a target stays.
    name: 'nothing-removed',
    finds: [/left-overs/],
    plant: ({ disk }) => ({ disk: replaced(disk, { remove: async () => undefined }) }),
  },
  {
    // A fetch that waits for a timer waits for ever.
    name: 'timers-that-stop',
    finds: [/could have finished and has not/],
    plant: ({ clock }) => ({
      clock: replaced(clock, { setTimer: (name, ms, run) => clock.setTimer(name, name === 'fetch tick' ? ms * 1e6 : ms, run) }),
    }),
  },
  {
    // Timers are left behind.
    name: 'timers-not-cancelled',
    finds: [/leaves timers behind/],
    plant: ({ clock }) => ({
      clock: replaced(clock, { setTimer: (...timer) => ({ ...clock.setTimer(...timer), cancel: () => undefined }) }),
    }),
  },
  {
    // An error that nobody hears of.
    name: 'errors-not-heard',
    finds: [/a promise that nobody waits for was rejected/],
    plant: ({ disk }) => ({
      disk: replaced(disk, {
        syncFolder: async (path) => {
          void disk.open(`${path}/not there`, 'read');
          await disk.syncFolder(path);
        },
      }),
    }),
  },
  {
    // A node answers with what was asked of it before.
    name: 'wrong-bytes-read',
    finds: [/was served with wrong bytes/],
    plant: ({ disk }) => ({ disk: readingWrong(disk) }),
  },
  {
    // A file gets the hashes of another one.
    name: 'wrong-hashes',
    finds: [/was given a root that is not its own/],
    plant: ({ openHasher }) => ({ openHasher: (options) => misread(openHasher(options)) }),
  },
];

/** What of a canary these seeds did not find. */
export function unfound({ finds }: Canary, outcomes: readonly SeedOutcome[]): RegExp[] {
  return finds.filter((pattern) => !outcomes.some(({ broken }) => broken.some((what) => pattern.test(what))));
}

/** Throws where there is none of the name. */
function canaryNamed(name: string): Canary {
  const canary = CANARIES.find((one) => one.name === name);
  if (canary === undefined)
    throw new Error(`There is no canary "${name}"; there are ${CANARIES.map((one) => one.name).join(', ')}, and all.`);
  return canary;
}

/** What plants a canary; nothing for `undefined`. Throws where there is none of the name. */
export function planting(name: string | undefined): Pick<WorldOptions, 'equip'> {
  if (name === undefined) return {};
  const { plant } = canaryNamed(name);
  return { equip: (run, actor) => ({ ...run, ports: { ...run.ports, ...plant(run.ports, actor) } }) };
}
