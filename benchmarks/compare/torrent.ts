/** As much of BitTorrent as the comparison needs (BEP 3): a file's torrent, and what a tracker answers. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CHUNK_BYTES } from '../../common/core/limits.js';

export type Bencodable = number | string | Uint8Array | { readonly [key: string]: Bencodable };

export function bencode(value: Bencodable): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return bencode(Buffer.from(value));
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  const pairs = Object.entries(value).map(([key, item]) => [Buffer.from(key), item] as const);
  // Keys are in the order of their bytes.
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  return Buffer.concat([Buffer.from('d'), ...pairs.flatMap(([key, item]) => [bencode(key), bencode(item)]), Buffer.from('e')]);
}

/** A version 1 torrent with pieces as large as Shoal's chunks and no tracker in it. `pieces` are the SHA-1 hashes one after another. */
export function torrentOf(name: string, sizeBytes: number, pieces: Uint8Array): Buffer {
  return bencode({ info: { name, length: sizeBytes, 'piece length': CHUNK_BYTES, pieces } });
}

/** Reads a file and returns the SHA-1 hashes of its pieces, one after another, and the SHA-256 of the whole in hex. */
export async function hashPieces(path: string): Promise<{ pieces: Buffer; sha256: string }> {
  const whole = createHash('sha256');
  const pieces: Buffer[] = [];
  const file = await open(path, 'r');
  try {
    for await (const piece of file.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false })) {
      whole.update(piece as Buffer);
      pieces.push(
        createHash('sha1')
          .update(piece as Buffer)
          .digest(),
      );
    }
  } finally {
    await file.close();
  }
  return { pieces: Buffer.concat(pieces), sha256: whole.digest('hex') };
}

/**
 * What a tracker on loopback answers to an announce (BEP 23). Who starts with nothing left is a seeder, noted in `seederPorts`, and
 * gets no peers; everybody else gets the seeders. So a fetcher that has just become complete is not handed to the next one.
 */
export function answerAnnounce(query: URLSearchParams, seederPorts: Set<number>): Buffer {
  const isSeeder = query.get('left') === '0';
  if (isSeeder && query.get('event') === 'started') seederPorts.add(Number(query.get('port')));
  const peers = isSeeder ? [] : [...seederPorts].flatMap((port) => [127, 0, 0, 1, port >> 8, port & 255]);
  return bencode({ interval: 1800, peers: Uint8Array.from(peers) });
}
