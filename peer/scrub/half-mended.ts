/**
 * After a start: files that were being mended when the process before ended. Such a file has a new time, so nothing is remembered of it,
 * and it would be hashed and shared as it lies there, torn chunk and all. Where nothing but chunks that were damaged differs from what
 * was hashed before, it gets its time back, and is shared as what it was.
 *
 * A file in which anything else differs was edited: it is left alone, and what is known of its damage is forgotten.
 */
import { chunkCount } from '../../common/core/chunks.js';
import type { HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { lookAt, withFile } from '../../common/node/disk-work.js';
import type { Disk } from '../../common/ports/disk.js';
import { identityOf, sameIdentity } from '../hash/file-identity.js';
import type { HashCache } from '../hash/hash-cache.js';
import type { Hasher } from '../hash/hasher.js';
import { CHECK_CHUNKS_COUNT, checkChunks } from './chunk-check.js';
import type { DamageLedger, DamageRecord } from './damage-ledger.js';

export interface HalfMendedPorts {
  readonly disk: Pick<Disk, 'lstat' | 'open'>;
  readonly pool: Pick<Hasher, 'hash' | 'root'>;
  readonly cache: () => Promise<Pick<HashCache, 'lookup' | 'store' | 'flush'>>;
  readonly ledger: DamageLedger;
}

/** To be called before anything is shared. Throws as `Hasher.hash`, and what keeps the ledger. */
export async function settleHalfMended(ports: HalfMendedPorts, hashName: HashName): Promise<void> {
  for (const record of ports.ledger.records) {
    if (!(await isAsItWas(ports, record, hashName))) ports.ledger.forget(record.path);
  }
}

/** Whether what the record says can still be said of the file; puts back its time where that is all it takes. */
async function isAsItWas(ports: HalfMendedPorts, record: DamageRecord, hashName: HashName): Promise<boolean> {
  const { disk, pool, ledger } = ports;
  const { path, identity, chunks } = record;
  const status = await lookAt(disk, path);
  // It may be on a disk that is not mounted.
  if (status === undefined) return true;
  if (status.kind !== 'file' || !sameIdentity({ ...status, mtimeNs: identity.mtimeNs }, identity)) return false;
  if (sameIdentity(status, identity)) return true;
  const cache = await ports.cache();
  const { sizeBytes } = identity;
  const now = await cache.lookup(status, hashName);
  if (now !== undefined) {
    // It came so far that only the record was not written.
    const isOfRecord = (await pool.root({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes: now }, hashName)) === record.root;
    if (isOfRecord) await ledger.moved(record, identityOf(status));
    return isOfRecord;
  }
  const hashes = await cache.lookup(identity, hashName);
  if (hashes === undefined) return false;
  const file = { source: { path, identity: identityOf(status) }, manifest: { sizeBytes, hashName, hashes } };
  const count = chunkCount(sizeBytes);
  for (let first = 0; first < count; first += CHECK_CHUNKS_COUNT) {
    const result = await checkChunks(pool, file, first, Math.min(CHECK_CHUNKS_COUNT, count - first));
    const isOurs = result.kind === 'checked' && result.damaged.every(({ chunkIndex }) => chunks.includes(chunkIndex));
    if (!isOurs) return false;
  }
  const after = await withFile(disk, path, 'write', async (open) => {
    await open.setAttributes({ mtimeMs: Number(identity.mtimeNs / 1_000_000n) });
    await open.sync();
    return identityOf(await open.status());
  }).catch(() => undefined);
  if (after === undefined) return false;
  await ledger.moved(record, after);
  await cache.store(after, hashName, hashes);
  await cache.flush(true);
  return true;
}
