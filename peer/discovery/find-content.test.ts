import { afterEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { realRandom } from '../../common/node/clock.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { type LookupRow, parseLookupRow } from '../../common/wire/tracker-replies.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { type Script, ScriptedTracker } from '../testkit/scripted-tracker.js';
import { turn, until } from '../testkit/until.js';
import { ContentFinder, type FoundContent, groupRows } from './find-content.js';

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

const [one, two] = ['11'.repeat(32), '22'.repeat(32)];
const rowsOf = (...lines: string[]): LookupRow[] => lines.map(parseLookupRow);
const ref = { by: 'name', name: parseFileName('x') } as const;

/** Waits for all. */
const everybody = { isEnough: () => false, late: () => undefined, over: () => undefined };

async function finderOf(...answers: Script[]): Promise<{ finder: ContentFinder; trackers: ScriptedTracker[] }> {
  const trackers = await Promise.all(answers.map((answer) => ScriptedTracker.started(answer)));
  const addresses = trackers.map(({ address }) => address);
  const finder = new ContentFinder({ dialer: tcpDialer, clock: new JumpClock(), random: realRandom }, [
    ...addresses,
    ...addresses,
  ]);
  closing.push(...trackers, finder);
  return { finder, trackers };
}

describe('finding a content', () => {
  test('TW12: the same name with another size or root is another content', () => {
    const found = groupRows(
      rowsOf(`10.0.0.1:1 5 ${one}`, `10.0.0.2:1 5 ${two}`, `10.0.0.3:1 6 ${one}`, '10.0.0.4:1 5 -', `10.0.0.5:1 5 ${one}`),
    );
    expect(found.map(({ sizeBytes, root, peers }) => [sizeBytes, root, peers.map(({ ip }) => ip)])).toEqual([
      [5, one, ['10.0.0.1', '10.0.0.5']],
      [5, two, ['10.0.0.2']],
      [6, one, ['10.0.0.3']],
      [5, undefined, ['10.0.0.4']],
    ]);
  });

  test('what several trackers say is merged, each tracker is asked once, and a peer that both name counts once', async () => {
    const { finder, trackers } = await finderOf(
      () => `OK 1\n10.0.0.1:1 5 ${one}\n`,
      () => `OK 2\n10.0.0.1:1 5 ${one}\n10.0.0.2:1 5 ${one}\n`,
    );
    const { contents, failures } = await finder.lookup(ref, everybody);
    expect(failures).toEqual([]);
    expect(contents).toHaveLength(1);
    expect(contents[0]?.peers.map(({ ip }) => ip).sort()).toEqual(['10.0.0.1', '10.0.0.2']);
    for (const tracker of trackers) expect(tracker.lines).toEqual(['LOOKUP x']);
  });

  test('a tracker that fails is named; one that says NOT_FOUND has answered', async () => {
    const { finder } = await finderOf(
      () => 'hang-up',
      () => 'ERR NOT_FOUND Nobody has it.\n',
      () => `OK 1\n10.0.0.1:1 5 ${one}\n`,
    );
    const { contents, failures } = await finder.lookup(ref, everybody);
    expect(contents).toHaveLength(1);
    expect(failures).toMatchObject([{ error: { code: 'NETWORK' } }]);
  });
});

describe('several trackers', () => {
  /** Trackers of which each answers when it is told to, and what a lookup tells, in order. */
  async function lookingUp(answers: readonly string[]) {
    const clock = new JumpClock(true);
    const trackers = await Promise.all(answers.map(() => ScriptedTracker.started(() => undefined)));
    const finder = new ContentFinder(
      { dialer: tcpDialer, clock, random: realRandom },
      trackers.map(({ address }) => address),
    );
    closing.push(...trackers, finder);
    const told: string[] = [];
    /** How many peers were known each time that it was looked whether that is enough. */
    const looks: number[] = [];
    const ips = (contents: readonly FoundContent[]) => contents.flatMap(({ peers }) => peers.map(({ ip }) => ip)).join(' ');
    const lookup = finder.lookup(ref, {
      isEnough: (contents) => {
        looks.push(contents[0]?.peers.length ?? 0);
        return contents.length > 0;
      },
      late: (_source, { contents, failures }) =>
        told.push(`late ${ips(contents)}${failures.map(({ error }) => error.code).join()}`),
      over: () => told.push('over'),
    });
    const result = lookup.then((first) => {
      told.push(`first ${ips(first.contents)} ${first.failures.length}`);
      return first;
    });
    await Promise.all(trackers.map((tracker) => tracker.told(/^LOOKUP/)));
    const answer = (at: number) => trackers[at]?.tellAll(answers[at] ?? '');
    return { clock, trackers, told, looks, result, answer };
  }

  const row = (ip: string) => `OK 1\n${ip}:1 5 ${one}\n`;

  test('one that is silent costs a grace of 100 ms and no more; what it says later is told when it comes', async () => {
    const { clock, told, looks, result, answer } = await lookingUp([row('10.0.0.1'), row('10.0.0.2')]);
    answer(0);
    await until('the grace begins', () => looks.includes(1));
    clock.jump(99);
    await turn();
    expect(told).toEqual([]);
    clock.jump(1);
    await result;
    expect(told).toEqual(['first 10.0.0.1 0']);
    answer(1);
    await until('all have answered', () => told.includes('over'));
    expect(told).toEqual(['first 10.0.0.1 0', 'late 10.0.0.2', 'over']);
  });

  test('one that fails after the result is told; all that answer within the grace are in the result', async () => {
    const { clock, trackers, told, result, answer } = await lookingUp([row('10.0.0.1'), row('10.0.0.2'), '']);
    answer(0);
    answer(1);
    await until('two have answered', () => clock.timerCount === 2);
    clock.jump(100);
    expect((await result).contents[0]?.peers).toHaveLength(2);
    await trackers[2]?.close();
    await until('all have answered', () => told.includes('over'));
    expect(told.slice(1)).toEqual(['late NETWORK', 'over']);
  });

  test('that nobody has it is said only when all have answered or failed', async () => {
    const { clock, told, looks, trackers, result, answer } = await lookingUp(['OK 0\n', 'OK 0\n', '']);
    answer(0);
    answer(1);
    await until('two have answered', () => looks.length === 3);
    clock.jump(4000);
    await turn();
    expect(told).toEqual([]);
    await trackers[2]?.close();
    const { contents, failures } = await result;
    expect([contents, failures.length]).toEqual([[], 1]);
    expect(told).toEqual(['over', 'first  1']);
  });

  test('MT3: one that names only peers of its own hides none of those that another names', async () => {
    const many = Array.from({ length: 50 }, (_, n) => `10.6.6.${n + 1}:1 5 ${one}\n`).join('');
    const { result, answer } = await lookingUp([`OK 50\n${many}`, `OK 2\n10.0.0.1:1 5 ${one}\n10.0.0.2:1 5 ${one}\n`]);
    answer(0);
    answer(1);
    const [content] = (await result).contents;
    expect(content?.peers.slice(0, 4).filter(({ ip }) => ip.startsWith('10.0.0.'))).toHaveLength(2);
    expect(content?.peers).toHaveLength(52);
  });
});
