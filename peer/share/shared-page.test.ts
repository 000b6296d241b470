import { describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import {
  CHUNK_BYTES,
  NAME_MAX_BYTES,
  PAGE_MAX_BYTES,
  PAGE_ROWS_DEFAULT_COUNT,
  PAGE_ROWS_MAX_COUNT,
} from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import { errorCode } from '../../common/testkit/error-code.js';
import { parseSharedPage } from '../../common/wire/peer-documents.js';
import { ScriptedHolding } from '../testkit/scripted-holding.js';
import { fullHolding, type Holding } from './holding.js';
import { ShareIndex } from './share-index.js';
import type { SharedContent } from './shared-content.js';
import { sharedPage } from './shared-page.js';

function contentOf(name: string, more: { holding?: Holding; type?: string } = {}): SharedContent {
  const { holding = fullHolding(3), type } = more;
  const root = parseContentRoot(Buffer.from(name).toString('hex').slice(-64).padStart(64, '0'));
  const hashes = new Uint8Array(0);
  const manifest = {
    name: parseFileName(name),
    sizeBytes: 3 * CHUNK_BYTES,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3' as const,
    hashes,
    ...(type === undefined ? {} : { type }),
  };
  return { name: manifest.name, root, manifest, source: { kind: 'memory', bytes: hashes }, holding };
}

function indexOf(contents: readonly SharedContent[]): ShareIndex {
  const index = new ShareIndex();
  for (const content of contents) index.add(content);
  return index;
}

/** All rows, page by page, and how large each page was. */
function walk(
  index: ShareIndex,
  maxCount?: number,
): { readonly names: string[]; readonly pages: number[]; readonly bytes: number[] } {
  const [names, pages, bytes]: [string[], number[], number[]] = [[], [], []];
  let after: string | undefined;
  do {
    const body = Buffer.from(
      sharedPage(index, { ...(maxCount === undefined ? {} : { maxCount }), ...(after === undefined ? {} : { after }) }),
    );
    const page = parseSharedPage(body);
    names.push(...page.rows.map(({ name }) => name));
    pages.push(page.rows.length);
    bytes.push(body.length);
    after = page.next;
  } while (after !== undefined);
  return { names, pages, bytes };
}

const many = Array.from({ length: 250 }, (_, at) => `file ${at}`);

describe('a page of what is shared', () => {
  test('of nothing, of one, and of as many as fit exactly has no next', () => {
    expect(sharedPage(new ShareIndex(), {})).toBe('OK 0\n');
    expect(walk(indexOf([contentOf('a')]))).toMatchObject({ names: ['a'], pages: [1] });
    expect(walk(indexOf(many.slice(0, PAGE_ROWS_DEFAULT_COUNT).map((name) => contentOf(name)))).pages).toEqual([100]);
    expect(walk(indexOf(many.slice(0, PAGE_ROWS_DEFAULT_COUNT + 1).map((name) => contentOf(name)))).pages).toEqual([100, 1]);
  });

  test('has as many rows as are asked for, in the order in which names came', () => {
    expect(walk(indexOf(many.map((name) => contentOf(name))), 120)).toMatchObject({ names: many, pages: [120, 120, 10] });
  });

  test('ends early where its bytes are many, and is never larger than it may be', () => {
    const long = Array.from({ length: 300 }, (_, at) => `${at}${`/${' '.repeat(250)}x`.repeat(4)}`.slice(0, NAME_MAX_BYTES));
    const { names, pages, bytes } = walk(indexOf(long.map((name) => contentOf(name))), PAGE_ROWS_MAX_COUNT);
    expect(names).toEqual(long);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(PAGE_MAX_BYTES);
    expect(Math.min(...bytes.slice(0, -1))).toBeGreaterThan(PAGE_MAX_BYTES - 5000);
    expect(pages.length).toBeGreaterThan(10);
  });

  test('says how much of a content is here where that is not all, and what it is', () => {
    const part = new ScriptedHolding(3);
    part.gain(0, 2);
    const whole = new ScriptedHolding(3);
    whole.gain(0, 1, 2);
    const index = indexOf([
      contentOf('part', { holding: part }),
      contentOf('whole', { holding: whole, type: 'text/plain' }),
      contentOf('odd', { type: 'not a type' }),
    ]);
    const rows = sharedPage(index, {}).split('\n').slice(1);
    expect(rows.map((row) => row.replace(/[0-9a-f]{64}/, 'root'))).toEqual([
      'part 1572864 root have=2',
      'whole 1572864 root type=text/plain',
      'odd 1572864 root',
      '',
    ]);
  });

  test('is refused for a cursor that was never given', () => {
    for (const after of ['x', '-1', '1.5', '01', '9007199254740992'])
      expect(errorCode(() => sharedPage(new ShareIndex(), { after }))).toBe('BAD_REQUEST');
    expect(sharedPage(indexOf([contentOf('a')]), { after: '9007199254740990' })).toBe('OK 0\n');
  });
});
