/** Several trackers as one directory. */
import { afterEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import type { HostPort } from '../../common/core/peer-address.js';
import { realClock, realRandom } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { anyFileName, anyRoot } from '../../common/testkit/arbitraries.js';
import type { ContentInfo } from '../../common/wire/tracker-replies.js';
import { formatContentRow, formatPeerRow } from '../../common/wire/tracker-replies.js';
import { type Script, ScriptedTracker } from '../testkit/scripted-tracker.js';
import { Directory, mergeContents, mergePeers } from './directory.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function tracker(script: Script): Promise<ScriptedTracker> {
  const made = await ScriptedTracker.started(script);
  closing.push(() => made.close());
  return made;
}

function directoryOf(trackers: readonly HostPort[]): Directory {
  const directory = new Directory({ dialer: tcpDialer, clock: realClock, random: realRandom }, trackers);
  closing.push(() => directory.close());
  return directory;
}

function content(name: string, completeCount: number, partialCount = 0): ContentInfo {
  return { name: parseFileName(name), sizeBytes: 5, root: 'ab'.repeat(32) as never, completeCount, partialCount };
}

/** Lists `rows` in pages of two, as cursors the place in the list. */
function paged(rows: readonly ContentInfo[]): Script {
  return (line) => {
    const at = Number(/after=(\d+)/.exec(line)?.[1] ?? 0);
    const page = rows.slice(at, at + 2);
    const next = at + 2 < rows.length ? ` next=${at + 2}` : '';
    return `OK ${page.length}${next}\n${page.map(formatContentRow).join('')}`;
  };
}

test('pages are walked to their end, and rows of several trackers are one', async () => {
  const one = await tracker(paged(['a', 'b', 'c', 'd', 'e'].map((name) => content(name, 1, 3))));
  const two = await tracker(paged([content('c', 4), content('z', 1)]));
  const answer = await directoryOf([one.address, two.address]).list(100);
  expect(answer.rows.map(({ name, completeCount, partialCount }) => `${name} ${completeCount}+${partialCount}`)).toEqual([
    'a 1+3',
    'b 1+3',
    'c 4+3',
    'd 1+3',
    'e 1+3',
    'z 1+0',
  ]);
  expect({ isCut: answer.isCut, failures: answer.failures, pages: one.lines.length }).toEqual({
    isCut: false,
    failures: [],
    pages: 3,
  });
});

test('no more is asked for than is wanted, and it is told that there is more', async () => {
  const one = await tracker(paged(['a', 'b', 'c', 'd', 'e'].map((name) => content(name, 1))));
  const answer = await directoryOf([one.address]).search('x', 3);
  expect(answer).toMatchObject({ isCut: true, rows: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] });
  expect(one.lines).toEqual(['SEARCH x max=3', 'SEARCH x max=1 after=2']);
});

test('a tracker that leads round in circles, is dead, or knows no LIST costs the others nothing', async () => {
  const good = await tracker(paged([content('a', 1)]));
  const circling = await tracker(() => `OK 0 next=again\n`);
  const old = await tracker(() => 'ERR UNKNOWN_COMMAND No.\n');
  const dead = { host: '127.0.0.1', port: 1 };
  const answer = await directoryOf([good.address, circling.address, old.address, dead]).list(10);
  expect(answer.rows).toHaveLength(1);
  expect(answer.failures.map(({ error }) => error.code).sort()).toEqual(['NETWORK', 'UNKNOWN_COMMAND']);
  expect(circling.lines).toHaveLength(2);
});

test('peers are told once, as they were seen last', async () => {
  const address = { ip: '10.0.0.1', port: 5 };
  const one = await tracker(() => `OK 1\n${formatPeerRow({ address, fileCount: 7, seenMs: 9000, load: 10 })}`);
  const two = await tracker(() => `OK 1\n${formatPeerRow({ address, fileCount: 2, seenMs: 1000, load: 20 })}`);
  const answer = await directoryOf([one.address, two.address]).peers(10, 'lab');
  expect(answer.rows).toMatchObject([{ address, fileCount: 7, seenMs: 1000, load: 20 }]);
  expect(one.lines).toEqual(['PEERS max=10 group=lab']);
});

test('merging forgets nothing, and its order does not matter to what is found', () => {
  const row = fc.record({
    name: anyFileName,
    sizeBytes: fc.nat(3),
    root: fc.option(anyRoot, { nil: undefined }),
    completeCount: fc.nat(9),
    partialCount: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const keyOf = ({ name, sizeBytes, root }: ContentInfo) => `${root} ${sizeBytes} ${name}`;
      const merged = mergeContents([...rows, ...rows]);
      expect(new Set(merged.map(keyOf))).toEqual(new Set(rows.map(keyOf)));
      expect(merged).toHaveLength(new Set(rows.map(keyOf)).size);
      expect(new Set(mergeContents(rows.toReversed()))).toEqual(new Set(merged));
      for (const one of merged) {
        const same = rows.filter((other) => keyOf(other) === keyOf(one));
        expect(one.completeCount).toBe(Math.max(...same.map(({ completeCount }) => completeCount)));
      }
    }),
  );
  expect(mergePeers([])).toEqual([]);
});

test('holders of several trackers are one list, and one is whole where any tracker says so', async () => {
  const row = (host: number, more = '') => `192.0.2.${host}:1 5 ${'ab'.repeat(32)}${more}\n`;
  const one = await tracker(() => `OK 2\n${row(1, ' have=1')}${row(2)}`);
  const two = await tracker(() => `OK 2\n${row(1)}${row(2, ' have=1')}`);
  const { rows } = await directoryOf([one.address, two.address]).holders('ab'.repeat(32) as never);
  expect(rows.map(({ address, haveChunks }) => [address.ip, haveChunks]).sort()).toEqual([
    ['192.0.2.1', undefined],
    ['192.0.2.2', undefined],
  ]);
});
