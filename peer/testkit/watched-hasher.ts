/** A hasher whose every landing somebody hears of before it happens, as of the changes of a watched disk. */
import type { Hasher } from '../hash/hasher.js';
import type { LandingResult } from '../hash/worker-task.js';

/** `half` checks nothing and writes the first half of the chunk. What it resolves with, if anything, is what the landing comes to. */
export type BeforeLanding = (half: () => Promise<void>) => Promise<LandingResult | undefined>;

export function watchedHasher(hasher: Hasher, before: BeforeLanding): Hasher {
  return {
    threadCount: hasher.threadCount,
    slots: hasher.slots,
    hash: (segments, hashName) => hasher.hash(segments, hashName),
    root: (input, hashName) => hasher.root(input, hashName),
    readFolder: (bytes) => hasher.readFolder(bytes),
    async land(landing, hashName) {
      const { lengthBytes } = landing;
      const half = async () => {
        await hasher.land({ ...landing, lengthBytes: lengthBytes >> 1, expectation: { by: 'nothing' } }, hashName);
      };
      return (await before(half)) ?? hasher.land(landing, hashName);
    },
    close: () => hasher.close(),
  };
}
