import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Bitfield } from '../../common/core/bitfield.js';
import { chunkCount } from '../../common/core/chunks.js';
import { type FileName, parseFileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { manifestFromRaw } from '../../common/core/manifest.js';
import { realDisk } from '../../common/node/disk.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import type { Announcement } from '../discovery/announcer.js';
import { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import { seededBytes, type TestContent, testContent, testFolder } from '../testkit/test-content.js';
import { Catalog } from './catalog.js';
import { Offer, type OfferedFolder } from './offer.js';

let root: string;
let index: ShareIndex;
let announced: Set<Announcement>;
let kept: (readonly SharedContent[])[];
let removed: SharedContent[];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'shoal-offer-')));
  index = new ShareIndex();
  announced = new Set();
  kept = [];
  removed = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const hashOf = (content: TestContent, chunkIndex: number) =>
  content.hashes.subarray(chunkIndex * HASH_BYTES, (chunkIndex + 1) * HASH_BYTES);

/** An offer of these files, of which those of one chunk have no hashes; `had` units are there from an earlier run. */
function offer(
  files: readonly TestContent[],
  folder?: { readonly name: FileName; readonly root: TestContent['root'] } & OfferedFolder,
  had: readonly number[] = [],
  isKept = true,
): { offer: Offer; had: Bitfield; catalog: Catalog; land: (unit: number) => void } {
  const catalog = new Catalog(
    files.map((file) => ({
      path: folder === undefined ? undefined : file.name,
      sizeBytes: file.bytes.length,
      content: { by: 'root', root: file.root },
      root: file.root,
      hashName: 'blake3',
      hashes: file.chunkCount > 1 ? file.hashes : undefined,
    })),
  );
  const bits = new Bitfield(catalog.unitCount);
  const foundHashes = new Map<number, Uint8Array>();
  for (const unit of had) {
    bits.add(unit);
    const { fileIndex, file } = catalog.locate(unit);
    const content = files[fileIndex];
    if (file.hashes === undefined && content !== undefined) foundHashes.set(fileIndex, content.hashes);
  }
  const keep = (_kind: string, _path: string, contents: readonly SharedContent[]) => {
    kept.push(contents);
    for (const content of contents) index.add(content);
  };
  const made = new Offer(
    {
      disk: realDisk,
      index: {
        add: (content) => index.add(content),
        remove: (content) => {
          removed.push(content);
          return index.remove(content);
        },
      },
      announcer: {
        announce: (contents) => {
          for (const content of contents) announced.add(content);
        },
        withdraw: (contents) => {
          for (const content of contents) announced.delete(content);
        },
      },
      introduction: {},
      onPeerSeen: () => () => undefined,
      keep: isKept ? keep : undefined,
    },
    {
      name: folder?.name ?? files[0]?.name ?? parseFileName('none'),
      root: folder?.root ?? files[0]?.root ?? ('' as TestContent['root']),
      catalog,
      had: bits,
      foundHashes,
      folder,
      pathOf: (fileIndex) => join(root, 'part', String(fileIndex)),
    },
  );
  const land = (unit: number) => {
    const { fileIndex, chunkIndex } = catalog.locate(unit);
    const content = files[fileIndex];
    if (bits.add(unit) && content !== undefined) made.landed(unit, hashOf(content, chunkIndex));
  };
  return { offer: made, had: bits, catalog, land };
}

const chunksOf = (content: TestContent) =>
  Array.from({ length: content.chunkCount }, (_, at) => at).filter((at) =>
    index.find({ by: 'root', root: content.root }, at)?.holding.has(at),
  );
const haveCounts = () => [...announced].map(({ haveCount }) => haveCount?.());

describe('the offer of a file', () => {
  const file = testContent(seededBytes(4 * CHUNK_BYTES));

  test('grows with each chunk that lands, and a chunk that a failed sync took back is served no more, until it comes again', () => {
    const { had, land } = offer([file], undefined, [1]);
    expect([chunksOf(file), haveCounts()]).toEqual([[1], [1]]);
    land(3);
    expect([chunksOf(file), haveCounts()]).toEqual([[1, 3], [2]]);
    const heard: number[] = [];
    index.find({ by: 'root', root: file.root })?.holding.watch((chunk) => heard.push(chunk));
    had.delete(3);
    expect([chunksOf(file), haveCounts()]).toEqual([[1], [1]]);
    land(3);
    expect([chunksOf(file), haveCounts(), heard]).toEqual([[1, 3], [2], [3]]);
  });

  test('is gone when the fetch ends without its file, and stays where it is kept', async () => {
    const failed = offer([file]).offer;
    failed.close();
    failed.close();
    expect([index.count, announced.size]).toEqual([0, 0]);
    const { offer: done, land } = offer([file]);
    for (let unit = 0; unit < 4; unit += 1) land(unit);
    await writeFile(join(root, 'final'), file.bytes);
    removed = [];
    await done.finish(join(root, 'final'));
    done.close();
    expect([index.count, announced.size]).toEqual([1, 1]);
    expect(kept).toMatchObject([[{ name: file.name, root: file.root, source: { kind: 'file', path: join(root, 'final') } }]]);
    expect(kept[0]?.[0]?.holding.bits()).toEqual(Uint8Array.of(0xf0));
    expect(index.find({ by: 'root', root: file.root })).toBe(kept[0]?.[0]);
    // Whoever hears that lets go of the part's file.
    expect(removed.map(({ source }) => source.kind)).toEqual(['part']);
  });

  test('is gone where its file was moved away as soon as it was there: then nothing is kept', async () => {
    const { offer: done, land } = offer([file]);
    for (let unit = 0; unit < 4; unit += 1) land(unit);
    await done.finish(join(root, 'moved'));
    done.close();
    expect([index.count, announced.size, kept]).toEqual([0, 0, []]);
  });

  test('is gone at the end where nothing is kept', async () => {
    const { offer: done, land } = offer([file], undefined, [], false);
    for (let unit = 0; unit < 4; unit += 1) land(unit);
    await done.finish(join(root, 'nowhere'));
    done.close();
    expect([index.count, announced.size, kept]).toEqual([0, 0, []]);
  });
});

test('a file of one chunk whose hashes nobody told is served as soon as it is here, and not if its hash does not make its root', () => {
  const [small, wrong] = [testContent(seededBytes(10, 2), { name: 'small' }), testContent(seededBytes(11, 3), { name: 'wrong' })];
  const { offer: made, had, land } = offer([small]);
  expect(index.count).toBe(0);
  land(0);
  expect(chunksOf(small)).toEqual([0]);
  made.close();
  had.delete(0);
  const other = offer([small]);
  other.had.add(0);
  other.offer.landed(0, wrong.hashes);
  expect(index.count).toBe(0);
});

test('a folder tells of its index and all files, serves each as far as it is here, and empty files when all is', async () => {
  const folder = testFolder('folder', {
    a: seededBytes(2 * CHUNK_BYTES, 1),
    b: Buffer.alloc(0),
    c: seededBytes(5, 3),
    d: seededBytes(6, 4),
  });
  const { index: top, files } = folder;
  const manifest = manifestFromRaw(unpackMsgpack(top.manifest));
  expect(manifest.type).toBe(FOLDER_TYPE);
  const { offer: made, land } = offer(files, { name: top.name, root: top.root, manifest, indexBytes: top.bytes }, [1, 2]);
  const holding = index.find({ by: 'root', root: top.root })?.holding;
  const told = () => Array.from({ length: top.haveCount }, (_, at) => holding?.has(at));
  expect(holding?.chunkCount).toBe(chunkCount(top.bytes.length) + 4);
  expect(told()).toEqual([true, false, true, true, false]);
  expect(files.map(chunksOf)).toEqual([[1], [], [0], []]);
  land(0);
  land(3);
  expect(told()).toEqual([true, true, true, true, true]);
  expect(files.map(chunksOf)).toEqual([[0, 1], [], [0], [0]]);
  expect(haveCounts()).toEqual([5]);
  expect([...announced].map(({ name, type }) => [name, type])).toEqual([['folder', FOLDER_TYPE]]);
  for (const { name, bytes } of files) await writeFile(join(root, name), bytes);
  await made.finish(root);
  expect(kept[0]?.map(({ name }) => name)).toEqual(['folder', 'folder/a', 'folder/b', 'folder/c', 'folder/d']);
});
