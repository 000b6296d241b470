import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import {
  CHUNK_BYTES,
  HAVE_CONTENTS_MAX_COUNT,
  HAVE_NEWS_GATHER_MS,
  HAVE_NEWS_PAUSE_MS,
  HAVE_NEWS_RANGES_MAX_COUNT,
} from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import { parseHaveNews } from '../../common/wire/peer-lines.js';
import type { SharedContent } from '../share/shared-content.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { ScriptedHolding } from '../testkit/scripted-holding.js';
import { HaveFeed } from './have-feed.js';

interface ScriptedContent extends SharedContent {
  readonly holding: ScriptedHolding;
}

function contentOf(chunkCount: number, number = 1): ScriptedContent {
  const name = parseFileName(`file ${number}`);
  const manifest = {
    name,
    sizeBytes: chunkCount * CHUNK_BYTES,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3' as const,
    hashes: new Uint8Array(0),
  };
  const source = { kind: 'memory' as const, bytes: new Uint8Array(0) };
  const root = parseContentRoot(number.toString(16).padStart(64, '0'));
  return { name, root, manifest, source, holding: new ScriptedHolding(chunkCount) };
}

let clock: JumpClock;
let dueCount: number;
let feed: HaveFeed;

beforeEach(() => {
  clock = new JumpClock(true);
  dueCount = 0;
  feed = new HaveFeed(clock, () => {
    dueCount += 1;
  });
});

/** The ranges of all lines that wait. */
function takeAll(): string[] {
  const lines: string[] = [];
  for (let line = feed.takeLine(); line !== undefined; line = feed.takeLine()) lines.push(line.split(' ')[2]?.trim() ?? '');
  return lines;
}

describe('the feed of what comes in', () => {
  test('a second HAVE takes the place of news that wait, and what comes after it is due again', () => {
    const content = contentOf(20);
    feed.subscribe(content);
    content.holding.gain(3);
    expect(feed.subscribe(content)).toEqual(Uint8Array.of(0x10, 0, 0));
    expect(clock.timerCount).toBe(0);
    clock.jump(HAVE_NEWS_GATHER_MS);
    expect([dueCount, feed.isDue]).toEqual([0, false]);
    content.holding.gain(4);
    clock.jump(HAVE_NEWS_GATHER_MS);
    expect([dueCount, takeAll()]).toEqual([1, ['4']]);
  });

  test('begins with what is there, gathers what comes, and is due once after a moment', () => {
    const content = contentOf(20);
    content.holding.gain(0, 1);
    expect(feed.subscribe(content)).toEqual(Uint8Array.of(0xc0, 0, 0));
    content.holding.gain(7, 9);
    clock.jump(HAVE_NEWS_GATHER_MS - 1);
    content.holding.gain(8);
    expect([dueCount, feed.isDue]).toEqual([0, false]);
    clock.jump(1);
    expect([dueCount, feed.isDue]).toEqual([1, true]);
    expect(feed.takeLine()).toBe(`HAVE @${content.root} 7-9\n`);
    expect([feed.takeLine(), feed.isDue, clock.timerCount]).toEqual([undefined, false, 0]);
  });

  test('gives news before they are due too, and is then not due', () => {
    const content = contentOf(20);
    feed.subscribe(content);
    content.holding.gain(3);
    expect(takeAll()).toEqual(['3']);
    clock.jump(10 * HAVE_NEWS_GATHER_MS);
    expect(dueCount).toBe(0);
  });

  test('is due soon where there were no news lately, and else not before a pause', () => {
    const content = contentOf(20);
    feed.subscribe(content);
    content.holding.gain(3);
    clock.jump(HAVE_NEWS_GATHER_MS);
    expect([dueCount, takeAll()]).toEqual([1, ['3']]);
    content.holding.gain(4);
    clock.jump(HAVE_NEWS_PAUSE_MS - 1);
    content.holding.gain(5);
    expect(dueCount).toBe(1);
    clock.jump(1);
    expect([dueCount, takeAll()]).toEqual([2, ['4-5']]);
    clock.jump(HAVE_NEWS_PAUSE_MS);
    content.holding.gain(6);
    clock.jump(HAVE_NEWS_GATHER_MS);
    expect(dueCount).toBe(3);
  });

  test('says nothing of chunks that are lost again', () => {
    const content = contentOf(20);
    feed.subscribe(content);
    content.holding.gain(3, 4);
    content.holding.lose(3);
    expect(takeAll()).toEqual(['4']);
    content.holding.gain(5);
    content.holding.lose(5);
    expect(takeAll()).toEqual([]);
  });

  test('begins anew where a content is asked about again', () => {
    const content = contentOf(8);
    feed.subscribe(content);
    content.holding.gain(3);
    expect(feed.subscribe(content)).toEqual(Uint8Array.of(0x10));
    expect([takeAll(), content.holding.watcherCount]).toEqual([[], 1]);
    content.holding.gain(4);
    expect(takeAll()).toEqual(['4']);
  });

  test('follows as many contents as it may, each with lines of its own, and no more', () => {
    const contents = Array.from({ length: HAVE_CONTENTS_MAX_COUNT + 1 }, (_, number) => contentOf(10, number));
    const answers = contents.map((content) => feed.subscribe(content) !== undefined);
    expect(answers).toEqual(contents.map((_, number) => number < HAVE_CONTENTS_MAX_COUNT));
    expect(feed.subscribe(contents[0] as ScriptedContent)).toEqual(new Uint8Array(2));
    for (const content of contents) content.holding.gain(5);
    expect(takeAll()).toHaveLength(HAVE_CONTENTS_MAX_COUNT);
  });

  test('ends with its connection', () => {
    const content = contentOf(10);
    feed.subscribe(content);
    content.holding.gain(1);
    feed.close();
    feed.close();
    expect([content.holding.watcherCount, clock.timerCount, feed.takeLine()]).toEqual([0, 0, undefined]);
  });

  test('keeps no more than a line of each content for a side that takes nothing, and forgets no chunk', () => {
    const chunkCount = 20 * HAVE_NEWS_RANGES_MAX_COUNT;
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(chunkCount - 1), fc.constant('take' as const)), { minLength: 1, maxLength: 60, size: 'max' }),
        (steps) => {
          const content = contentOf(chunkCount);
          feed.subscribe(content);
          const heard = new Set<number>();
          const take = (): boolean => {
            const line = feed.takeLine();
            if (line === undefined) return false;
            const { ranges } = parseHaveNews(line.trim());
            expect(ranges.length).toBeLessThanOrEqual(HAVE_NEWS_RANGES_MAX_COUNT);
            for (const [first, count] of ranges) for (let at = 0; at < count; at += 1) heard.add(first + at);
            return true;
          };
          const gained = new Set<number>();
          for (const step of steps) {
            if (step === 'take') take();
            else {
              // Far from each other, so that no two make a range.
              for (let at = 0; at < 20; at += 1) {
                const chunkIndex = (step + 37 * at) % chunkCount;
                if (gained.has(chunkIndex)) continue;
                gained.add(chunkIndex);
                content.holding.gain(chunkIndex);
              }
            }
          }
          let lineCount = 0;
          while (take()) lineCount += 1;
          expect([...heard].sort((left, right) => left - right)).toEqual([...gained].sort((left, right) => left - right));
          // The list that was kept, and then at most one walk through everything that is there.
          expect(lineCount).toBeLessThanOrEqual(2 + Math.ceil(gained.size / HAVE_NEWS_RANGES_MAX_COUNT));
        },
      ),
    );
  });
});
