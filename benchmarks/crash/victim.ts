/**
 * A process that ends itself, without a word, at one of the points at which it would change the disk: `node victim.js ORDER`, where the
 * order is JSON. It does the real thing with the real disk; every change and every landing of a chunk passes by the count.
 *
 * Prints `landed` for each chunk that was checked and written, and, where it lives to the end, one line of JSON.
 */
import { writeSync } from 'node:fs';
import { epochNowMs, realClock, realRandom } from '../../common/node/clock.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import { watchedDisk } from '../../common/testkit/watched-disk.js';
import { fetchContent } from '../../peer/fetch/fetch-content.js';
import { parseFetchSource } from '../../peer/fetch/fetch-source.js';
import { createNode } from '../../peer/node.js';
import { StateFile } from '../../peer/serve/state-file.js';
import { emptyState } from '../../peer/serve/state-format.js';
import { realStorage, type StoragePorts } from '../../peer/storage-ports.js';
import { watchedHasher } from '../../peer/testkit/watched-hasher.js';

export interface Order {
  readonly work: 'fetch' | 'share' | 'state';
  /** Where it fetches to, or what it shares, or where the state is. */
  readonly folder: string;
  /** For `fetch`: the link. */
  readonly link: string;
  /** For `share`: the folder of the hash cache. */
  readonly cacheFolder: string;
  /** The point that it does not pass, from 1 on; 0 for none. */
  readonly at: number;
  /** Whether it writes half of what it would at that point; where that is no write, nothing. */
  readonly isHalf: boolean;
}

/** What it prints at its end. */
export interface Survived {
  readonly pointCount: number;
}

const SILENT = () => undefined;

async function main(order: Order): Promise<void> {
  let pointCount = 0;
  const pass = async (half?: () => Promise<void>) => {
    pointCount += 1;
    if (pointCount !== order.at) return;
    if (order.isHalf) await half?.();
    process.kill(process.pid, 'SIGKILL');
    // It is dead before this settles.
    await new Promise(SILENT);
  };
  const disk = watchedDisk(realStorage.disk, (_change, _path, half) => pass(half));
  const storage: StoragePorts = {
    ...realStorage,
    disk,
    openHasher: () => {
      const pool = realStorage.openHasher({ threadCount: 1 });
      const watched = watchedHasher(pool, async (half) => {
        await pass(half);
        return undefined;
      });
      const land: typeof pool.land = async (landing, hashName) => {
        const result = await watched.land(landing, hashName);
        if (result.kind === 'landed') writeSync(1, 'landed\n');
        return result;
      };
      return { ...watched, land };
    },
  };
  if (order.work === 'fetch') await fetchIt(storage, order);
  else if (order.work === 'share') await shareIt(storage, order);
  else await saveIt(storage, order);
  const survived: Survived = { pointCount };
  writeSync(1, `${JSON.stringify(survived)}\n`);
  // At once, whatever still runs: it is over when its work is, as one that is killed.
  process.exit(0);
}

async function fetchIt(storage: StoragePorts, { folder, link }: Order): Promise<void> {
  const pool = storage.openHasher({});
  await fetchContent(
    { ...storage, dialer: tcpDialer, clock: realClock, random: realRandom, pool },
    {
      source: parseFetchSource(link),
      shown: 'it',
      trackers: [],
      out: undefined,
      directory: folder,
      isOverwrite: false,
      isFresh: false,
      patienceMs: 30_000,
      onEvent: SILENT,
      signal: new AbortController().signal,
    },
  );
}

async function shareIt(storage: StoragePorts, { folder, cacheFolder }: Order): Promise<void> {
  const told = { scanned: SILENT, hashed: SILENT, indexed: SILENT, changed: SILENT, note: SILENT };
  const heard = { registered: SILENT, refused: SILENT, trackerLost: SILENT, trackerBack: SILENT, served: SILENT };
  const ports = { ...storage, dialer: tcpDialer, listener: tcpListener, clock: realClock, random: realRandom, epochNowMs };
  const place = { host: '127.0.0.1', port: 0, trackers: [], hashName: 'blake3', isFolderOnly: false, cacheFolder } as const;
  const node = await createNode(ports, { ...place, events: { ...told, ...heard } });
  await node.share([folder]);
  await node.close();
}

async function saveIt(storage: StoragePorts, { folder }: Order): Promise<void> {
  const { file, state } = await StateFile.open(storage, folder, { nowMs: epochNowMs(), note: SILENT });
  await file.save(state);
  await file.save({
    ...emptyState(state.sinceMs + 1),
    totals: { ...state.totals, uploadedBytes: state.totals.uploadedBytes + 1 },
  });
}

await main(JSON.parse(process.argv[2] ?? '{}') as Order);
