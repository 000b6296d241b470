import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { manifestToRaw } from '../../common/core/manifest.js';
import { contentRoot } from '../../common/core/root.js';
import { realRandom } from '../../common/node/clock.js';
import { hashFunction } from '../../common/node/hash.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Dialer } from '../../common/ports/net.js';
import { packMsgpack } from '../../common/wire/msgpack.js';
import { HashPool } from '../hash/hash-pool.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { ScriptedPeer } from '../testkit/scripted-peer.js';
import { seededBytes, type TestContent, testContent } from '../testkit/test-content.js';
import { until } from '../testkit/until.js';
import { KnownPeers } from './known-peers.js';
import { MetadataFetch } from './metadata.js';

const pool = new HashPool({ threadCount: 1 });
let clock: JumpClock;
let receivedBytes: number;
let told: string[];
const closing: (() => unknown)[] = [];
beforeEach(() => {
  clock = new JumpClock(true);
  told = [];
  receivedBytes = 0;
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => pool.close());

/** The real dialer, which counts what arrives. */
const countingDialer: Dialer = {
  dial: (to, timeoutMs, makeHandlers) =>
    tcpDialer.dial(to, timeoutMs, (stream) => {
      const handlers = makeHandlers(stream);
      const data = (bytes: Uint8Array) => {
        receivedBytes += bytes.length;
        handlers.data(bytes);
      };
      return { ...handlers, data };
    }),
};

async function start(...peers: ScriptedPeer[]): Promise<MetadataFetch> {
  const addresses = peers.map(({ address }) => address);
  const ports = { dialer: countingDialer, clock, random: realRandom, slots: pool.slots };
  const metadata = new MetadataFetch(ports, pool, new KnownPeers(addresses), {
    peerFailed: (_address, reason) => told.push(`failed ${reason}`),
    peerBanned: (_address, reason) => told.push(`banned ${reason}`),
  });
  for (const peer of peers) closing.push(() => peer.close());
  closing.push(() => metadata.close(new ShoalError('STOPPED', 'local', 'The test is over.')));
  return metadata;
}

const wishOf = ({ root, bytes }: TestContent, sizeBytes: number | undefined = bytes.length) =>
  ({ content: { by: 'root', root }, root, sizeBytes }) as const;
const content = testContent(seededBytes(100));

/** The manifest of 4 GiB that nobody has. */
function largeContent(): TestContent {
  const sizeBytes = 8192 * CHUNK_BYTES;
  const hashes = seededBytes(8192 * HASH_BYTES);
  const root = contentRoot({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, hashFunction('blake3'));
  const manifest = packMsgpack(
    manifestToRaw({ name: content.name, sizeBytes, chunkBytes: CHUNK_BYTES, hashName: 'blake3', hashes }),
  );
  return { ...content, root, hashes, manifest };
}

const requestCount = (peers: readonly ScriptedPeer[]) => peers.reduce((sum, peer) => sum + peer.requests.length, 0);

describe('manifests', () => {
  test('many come in the order of the wishes', async () => {
    const contents = Array.from({ length: 150 }, (_, at) => testContent(seededBytes(at + 1, at + 1), { name: `f${at}` }));
    const metadata = await start(await ScriptedPeer.start(contents), await ScriptedPeer.start(contents));
    const manifests = await metadata.manifests(contents.map((one) => wishOf(one)));
    expect(manifests.map(({ name }) => name)).toEqual(contents.map(({ name }) => name));
  });

  test('a peer that has it not is passed over; where nobody has it, that is said, and it is no content without a manifest', async () => {
    const metadata = await start(await ScriptedPeer.start([]), await ScriptedPeer.start([content]));
    expect(await metadata.manifest(wishOf(content))).toMatchObject({ sizeBytes: 100 });
    const other = testContent(seededBytes(5));
    await expect(metadata.manifest(wishOf(other))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(metadata.manifests([wishOf(content), wishOf(other)])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a size that contradicts the root is not the fault of the peer, which is not banned', async () => {
    const metadata = await start(await ScriptedPeer.start([content]));
    await expect(metadata.manifest(wishOf(content, 99))).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      message: expect.stringContaining('99 bytes'),
    });
    expect(told).toEqual([]);
  });

  test('a large one over a slow line may take longer than the deadline, one that fell silent may not', async () => {
    const large = largeContent();
    const peer = await ScriptedPeer.start([large], { stallAtByte: 200_000 });
    const metadata = await start(peer);
    const asked = metadata.manifest({ ...wishOf(large), sizeBytes: undefined });
    asked.catch(() => undefined);
    await until('it fell silent and all of it is here', () => peer.stalledCount === 1 && receivedBytes === 200_000);
    // Looked at every 10.5 seconds: what was there at the first look counts for 10 more.
    clock.jump(20_900);
    expect(told).toEqual([]);
    clock.jump(200);
    expect(told).toEqual([expect.stringContaining('does not answer')]);
  });

  test('peers that fall silent hold up nobody: another is asked besides after a moment, and then all are', async () => {
    const silent = await Promise.all(
      Array.from({ length: 5 }, () => ScriptedPeer.start([content], { gate: () => new Promise(() => {}) })),
    );
    const honest = await ScriptedPeer.start([content]);
    const metadata = await start(...silent, honest);
    const all = [...silent, honest];
    await until('all are connected', () => all.every((peer) => peer.connectionCount === 1));
    let manifest: unknown;
    const asked = metadata.manifest(wishOf(content)).then((found) => {
      manifest = found;
    });
    // More each time, so at the latest the sixth; once it is asked, time stands still until its answer is here.
    for (let count = 1; count <= 6 && manifest === undefined; count += 1) {
      await until(
        `${count} are asked`,
        () => manifest !== undefined || (honest.requests.length === 0 && requestCount(all) >= count),
      );
      if (manifest === undefined) clock.jump(2500);
    }
    await asked;
    expect(manifest).toMatchObject({ sizeBytes: 100 });
  });

  test('closed, what is asked for ends with the reason', async () => {
    const peer = await ScriptedPeer.start([content], { gate: () => new Promise(() => {}) });
    const metadata = await start(peer);
    const asked = metadata.manifest(wishOf(content));
    await until('it was asked', () => peer.requests.length === 1);
    metadata.close(new ShoalError('INTERRUPTED', 'local', 'Interrupted.'));
    await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
