import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import type { Hasher } from '../hash/hasher.js';
import { SlotMemory } from '../hash/slot-memory.js';
import { linkOf } from '../testkit/fetch-bench.js';
import { HOSTILE_KINDS, type HostileKind } from '../testkit/hostile/hostile-kinds.js';
import { runAmongHostile } from '../testkit/hostile/hostile-swarm.js';
import { seededBytes, testContent } from '../testkit/test-content.js';
import { catContent } from './cat-content.js';

const SLOT_COUNT = 64;
const slots = new SlotMemory(SLOT_COUNT);
const content = testContent(seededBytes(30 * CHUNK_BYTES + 5));
/** The part of a hasher that cat uses. */
const pool = { slots, root: async (input, name) => contentRoot(input, hashFunction(name)) } as Pick<
  Hasher,
  'slots' | 'root'
> as Hasher;

/** Writes all of the content that the peers give. */
async function catAmong(honestCount: number, hostile: readonly HostileKind[], seed: number) {
  const written: Buffer[] = [];
  const notes: string[] = [];
  const run = await runAmongHostile({ content, seed, honestCount, hostile }, ({ peers, ...ports }) => {
    const shown = linkOf(
      content,
      peers.map((address) => ({ address })),
    );
    const rest = { trackers: [], range: undefined, patienceMs: 20_000, signal: new AbortController().signal };
    const note = (text: string) => void notes.push(text);
    const write = async (bytes: Uint8Array) => written.push(Buffer.from(bytes)) > 0;
    return catContent({ ...ports, pool }, { source: parseFetchSource(shown), shown, note, ...rest }, { write });
  });
  const free = [];
  for (let slot = slots.take(); slot !== undefined; slot = slots.take()) free.push(slot);
  for (const slot of free) slots.release(slot);
  expect(free).toHaveLength(SLOT_COUNT);
  for (const address of run.honestAddresses) expect(notes.filter((note) => note.startsWith(address))).toEqual([]);
  return { ...run, written: Buffer.concat(written) };
}

describe('cat among hostile peers', () => {
  test.each(HOSTILE_KINDS.map((kind) => [`${kind.row}: ${kind.name}`, kind] as const))(
    '%s: nine of ten, and every byte is right; alone, right bytes or a clear error',
    async (_title, kind) => {
      const mixed = await catAmong(1, new Array<HostileKind>(9).fill(kind), 1);
      expect(mixed.error).toBeUndefined();
      expect(mixed.written.equals(content.bytes)).toBe(true);
      expect(mixed.tookMs).toBeLessThan(60_000);
      for (const { connectionCount } of mixed.hostile) expect(connectionCount).toBeLessThanOrEqual(12);
      const alone = await catAmong(0, [kind, kind], 2);
      // Never more than what is right, in its order.
      expect(alone.written.equals(content.bytes.subarray(0, alone.written.length))).toBe(true);
      if (alone.error === undefined) expect(alone.written.length).toBe(content.bytes.length);
      else expect(['NETWORK', 'VERIFY_FAILED']).toContain(alone.error.code);
      for (const { connectionCount } of alone.hostile) expect(connectionCount).toBeLessThanOrEqual(40);
    },
  );
});
