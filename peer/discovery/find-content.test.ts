import { afterEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { tcpDialer } from '../../common/node/tcp.js';
import { type LookupRow, parseLookupRow } from '../../common/wire/tracker-replies.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { type Script, ScriptedTracker } from '../testkit/scripted-tracker.js';
import { ContentFinder, groupRows } from './find-content.js';

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

const [one, two] = ['11'.repeat(32), '22'.repeat(32)];
const rowsOf = (...lines: string[]): LookupRow[] => lines.map(parseLookupRow);
const ref = { by: 'name', name: parseFileName('x') } as const;

async function finderOf(...answers: Script[]): Promise<{ finder: ContentFinder; trackers: ScriptedTracker[] }> {
  const trackers = await Promise.all(answers.map((answer) => ScriptedTracker.started(answer)));
  const addresses = trackers.map(({ address }) => address);
  const finder = new ContentFinder({ dialer: tcpDialer, clock: new JumpClock() }, [...addresses, ...addresses]);
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
    const { contents, failures } = await finder.lookup(ref);
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
    const { contents, failures } = await finder.lookup(ref);
    expect(contents).toHaveLength(1);
    expect(failures).toMatchObject([{ error: { code: 'NETWORK' } }]);
  });
});
