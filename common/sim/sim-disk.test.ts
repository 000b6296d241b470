import { diskContract } from '../testkit/disk-contract.js';
import { SimClock } from './sim-clock.js';
import { SimDisk } from './sim-disk.js';
import { SimRandom } from './sim-random.js';

for (const uid of [0, 1000]) {
  diskContract(`the simulated disk of user ${uid}`, async () => {
    const disk = new SimDisk(new SimClock({ isAutomatic: true }), new SimRandom(1), { uid });
    disk.plantFolder('/home/downloads');
    return {
      disk: disk.mount(),
      folder: '/home/downloads',
      uid,
      plantSymlink: async (target, path) => disk.plantSymlink(target, path),
      end: async () => undefined,
    };
  });
}
