/**
 * Rate limits by the built commands. Only the upper side of a cap is looked at here: how much of it is used depends on the machine, and the
 * tests of `peer/net/fair-gate.ts` hold that side.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isFile, Workshop } from '../../common/testkit/spawned-command.js';

const MIB = 1024 * 1024;
const bytes = randomBytes(2 * MIB + 5);
/** Seconds worth of bytes that may come at once, and one read. */
const BURST_SECONDS = 0.3;

describe('a fetch', () => {
  let shop: Workshop;
  let tracker: string;

  beforeAll(async () => {
    shop = await Workshop.open();
    tracker = (await shop.tracker()).address;
    await writeFile(shop.path('file.bin'), bytes);
  });
  afterAll(() => shop.close());

  /** Shares and fetches; returns the seconds that the fetch took by its own account. */
  async function secondsOf(name: string, shareFlags: readonly string[], fetchFlags: readonly string[]): Promise<number> {
    const shared = await shop.share([shop.path('file.bin')], tracker, ...shareFlags);
    const out = shop.path(`${name}.bin`);
    const { code, stdout } = await shop.run('peer', ['fetch', shared.link, '--json', '--out', out, ...fetchFlags]);
    shared.process.kill('SIGTERM');
    await shared.process.ended;
    expect(code).toBe(0);
    expect(await isFile(out, bytes)).toBe(true);
    const done = stdout.split('\n').find((line) => line.includes('"event":"done"')) ?? '{}';
    return (JSON.parse(done) as { durationMs: number }).durationMs / 1000;
  }

  test.each(['--limit-up', '--limit-up-peer'])('is no faster than the %s of who shares', async (flag) => {
    const seconds = await secondsOf(flag, [flag, '2M'], []);
    expect(bytes.length).toBeLessThanOrEqual(2 * MIB * (seconds + BURST_SECONDS));
  });

  test.each(['--limit-down', '--limit-down-peer'])('is no faster than its own %s', async (flag) => {
    const seconds = await secondsOf(flag, [], [flag, '2M']);
    expect(bytes.length).toBeLessThanOrEqual(2 * MIB * (seconds + BURST_SECONDS));
  });

  test('is as fast as it can where the local network is exempt', async () => {
    const seconds = await secondsOf('exempt', ['--limit-up', '32k', '--limit-lan', 'no'], []);
    // At this rate it would take more than a minute.
    expect(seconds).toBeLessThan(32);
  });
});
