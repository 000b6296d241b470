/** Ports that do not do what they say: what canaries plant. */
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { withFile } from '../../common/node/disk-work.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import type { Hasher } from '../../peer/hash/hasher.js';

/** An object with some of its methods replaced. */
export function replaced<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const other: unknown = Reflect.get(methods, name);
      const own: unknown = other ?? Reflect.get(target, name, target);
      return typeof own === 'function' && other === undefined ? own.bind(target) : own;
    },
  });
}

/** A disk with some methods of its files replaced. */
export function withFiles(disk: Disk, methodsOf: (file: DiskFile, path: string) => Partial<DiskFile>): Disk {
  return replaced(disk, {
    open: async (path, how, mode) => {
      const file = await disk.open(path, how, mode);
      return replaced(file, methodsOf(file, path));
    },
  });
}

/** Serves bytes of a shared file with one changed. */
export function readingWrong(disk: Disk): Disk {
  const readWrong = (file: DiskFile): Partial<DiskFile> => ({
    read: async (into, position) => {
      const count = await file.read(into, position);
      const first = into[0];
      if (first !== undefined && count > 1) into[0] = first ^ 1;
      return count;
    },
  });
  return withFiles(disk, (file, path) => (isShared(path) ? readWrong(file) : {}));
}

/** What is fetched is synced when it gets its name, and not before. */
export function syncedAtItsName(disk: Disk): Disk {
  const late = withFiles(disk, (_, path) => (isPart(path) ? { sync: async () => undefined } : {}));
  const synced = (path: string) => withFile(disk, path, 'write', (file) => file.sync());
  return replaced(late, {
    link: async (from, to) => {
      if (isPart(from)) await synced(from);
      await disk.link(from, to);
    },
  });
}

/** Whatever comes is taken to be right. */
export function believing(hasher: Hasher): Hasher {
  return replaced(hasher, {
    land: (landing, hashName) => hasher.land({ ...landing, expectation: { by: 'nothing' } }, hashName),
  });
}

/** Bytes from a chunk's place to the one where it is put instead. */
const ASTRAY_BYTES = 2 ** 23;

/** Chunks are checked, and written where they do not belong. */
export function straying(hasher: Hasher): Hasher {
  return replaced(hasher, {
    land: (landing, hashName) => hasher.land({ ...landing, position: landing.position + ASTRAY_BYTES }, hashName),
  });
}

/** Hashes of what all runs of an owner wrote, by chunk. */
const written = new WeakMap<object, Map<number, Uint8Array>>();

/** Chunks that an earlier run of the same owner wrote are said to have the hash that they had then. */
export function believingResume(hasher: Hasher, owner: object): Hasher {
  const hashes = written.get(owner) ?? new Map<number, Uint8Array>();
  written.set(owner, hashes);
  return replaced(hasher, {
    land: async (landing, hashName) => {
      const result = await hasher.land(landing, hashName);
      // The same index of another version, or of another file of a folder, makes no difference: it is not right either.
      if (result.kind === 'landed') hashes.set(landing.position / CHUNK_BYTES, result.hash);
      return result;
    },
    hash: async (segments, hashName) => {
      const results = await hasher.hash(segments, hashName);
      return results.map((result, at) => {
        const segment = segments[at];
        if (result.kind !== 'hashed' || segment === undefined || !isPart(segment.path)) return result;
        const chunks = Array.from({ length: segment.chunkCount }, (_, nth) => {
          const found = result.hashes.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES);
          const isHole = found.every((byte) => byte === 0);
          return isHole ? found : (hashes.get(segment.firstChunk + nth) ?? found);
        });
        return { kind: 'hashed', hashes: Buffer.concat(chunks) };
      });
    },
  });
}

/** A shared file is said to have hashes that it has not. */
export function misread(hasher: Hasher): Hasher {
  return replaced(hasher, {
    hash: async (segments, hashName) => {
      const results = await hasher.hash(segments, hashName);
      return results.map((result, at) =>
        result.kind === 'hashed' && isShared(segments[at]?.path ?? '')
          ? { kind: 'hashed', hashes: result.hashes.map((byte) => byte ^ 1) }
          : result,
      );
    },
  });
}

function isShared(path: string): boolean {
  return path.includes('/shared/');
}

function isPart(path: string): boolean {
  return path.endsWith('.shoal-part');
}
