/** The fuzzer itself: it finds what is planted, repeats itself, and says what an input costs. */
import { describe, expect, test } from '@jest/globals';
import { SimRandom } from '../../common/sim/sim-random.js';
import { lawfulAddress, lawfulName, lawfulText } from './laws.js';
import { fuzz } from './loop.js';
import { Mutator } from './mutator.js';
import { readPlain, writeLoosely } from './plain-msgpack.js';
import { shrink } from './shrink.js';
import { BrokenLaw, type Judge, same, type Target } from './target.js';

function planted(judge: Judge['judge'], settle?: () => Promise<void>): Target {
  return {
    name: 'planted',
    inputMaxBytes: 100,
    tokens: ['bug'],
    testCount: 1,
    heldToCount: 1,
    generate: (random) => Buffer.from(`word ${random.below(1000)} and more`),
    open: () => ({ judge, ...(settle === undefined ? {} : { settle }) }),
  };
}

const textOf = (input: Uint8Array) => Buffer.from(input).toString('latin1');

describe('the loop', () => {
  test('finds a law that is broken by one word in a place of its own, and makes the input small', async () => {
    const target = planted((input) => {
      if (textOf(input).includes('bug')) throw new BrokenLaw('planted');
      return 'ok';
    });
    const { finds } = await fuzz(target, { seed: 1, inputCount: 2000, corpus: [] });
    expect(finds.map(({ why, input }) => [why, textOf(input)])).toEqual([['BrokenLaw: planted', 'bug']]);
  });

  test('finds what throws anything else, also later, and goes on with a judge that is new', async () => {
    let count = 0;
    const target = planted(async (input) => {
      count += 1;
      if (textOf(input).startsWith('bug')) throw new TypeError('x is not a function');
      return 'ok';
    });
    const { finds, inputCount } = await fuzz(target, { seed: 1, inputCount: 5000, corpus: [] });
    expect(finds.map(({ why }) => why)).toEqual(['TypeError: x is not a function']);
    expect(inputCount).toBe(5000);
    expect(count).toBeGreaterThan(5000);
  });

  test('finds an input that takes long, by processor time', async () => {
    const target = planted((input) => {
      const since = process.cpuUsage();
      while (textOf(input) === 'slow' && process.cpuUsage(since).user < 60_000);
      return 'ok';
    });
    const corpus = ['quick', 'slow', 'quick'].map((text) => new Uint8Array(Buffer.from(text)));
    const { finds, slowestMs, slowest } = await fuzz(target, { seed: 1, inputCount: 0, corpus, hangMs: 50 });
    expect(finds.map(({ input }) => textOf(input))).toEqual(['slow']);
    expect([textOf(slowest), slowestMs >= 60]).toEqual(['slow', true]);
  });

  test('finds that the honest are not served any more', async () => {
    const target = planted(
      () => 'ok',
      () => Promise.reject(new BrokenLaw('nobody answers')),
    );
    const { finds } = await fuzz(target, { seed: 1, inputCount: 400, corpus: [] });
    expect(finds.map(({ why }) => why)).toEqual(
      ['200', '400'].map((count) => `After input ${count} whoever is honest is not served: BrokenLaw: nobody answers`),
    );
  });

  test('makes the same inputs of the same seed, and others of another', async () => {
    const inputsOf = async (seed: number): Promise<string> => {
      const inputs: string[] = [];
      await fuzz(
        planted(() => 'ok'),
        { seed, inputCount: 500, corpus: [], watch: (input) => inputs.push(textOf(input)) },
      );
      return inputs.join('\n');
    };
    expect(await inputsOf(5)).toBe(await inputsOf(5));
    expect(await inputsOf(5)).not.toBe(await inputsOf(6));
  });

  test('cuts what is kept at every offset in a long run', async () => {
    const seen = new Set<string>();
    const corpus = [new Uint8Array(Buffer.from('0123456789'))];
    await fuzz(
      planted(() => 'ok'),
      { seed: 1, inputCount: 10_000, corpus, watch: (input) => seen.add(textOf(input)) },
    );
    for (let end = 0; end <= 10; end += 1) expect(seen.has('0123456789'.slice(0, end))).toBe(true);
  });
});

describe('the mutator', () => {
  test('changes, cuts, lengthens, joins and counts up, and never goes beyond its bound', () => {
    const mutator = new Mutator(new SimRandom(3), ['TOKEN'], 60);
    const seen: string[] = [];
    for (let left = 4000; left > 0; left -= 1) {
      const mutated = mutator.mutate(Buffer.from('REGISTER a 41 \u0001\u0000'), Buffer.from('second input'));
      expect(mutated.length).toBeLessThanOrEqual(60);
      seen.push(textOf(mutated));
    }
    for (const wanted of [
      /^REG/,
      /TOKEN/,
      /input$/,
      /^$/,
      / 42 /,
      / 40 /,
      / 82 /,
      /9007199254740993/,
      /\xff\xff/,
      /REGISTER a 41 \x01\x01/,
    ])
      expect(seen.some((text) => wanted.test(text))).toBe(true);
    expect(new Set(seen).size).toBeGreaterThan(2000);
  });

  test('a failing input is made as small as it still fails', async () => {
    const smallest = await shrink(Buffer.from('aaaaaaaaXbbbbbbbbbYccc'), async (bytes) => /X.*Y/.test(textOf(bytes)));
    expect(textOf(smallest)).toBe('XY');
  });
});

describe('what inputs are held against', () => {
  test('msgpack written in any of its forms is read as it was', () => {
    const random = new SimRandom(4);
    const value = new Map<never, never>(
      Object.entries({ a: 1, b: -70_000, c: 2 ** 40, d: 'é'.repeat(40), e: [null, true, 1.5], f: Buffer.alloc(300, 7) }) as never,
    );
    for (let left = 500; left > 0; left -= 1) same(readPlain(writeLoosely(value, random)), value, 'a value');
  });

  test.each<[string, () => unknown]>([
    ['a name that climbs', () => lawfulName('a/../b')],
    ['a name in another form', () => lawfulName('e\u0301')],
    ['a name that reorders', () => lawfulName('\u202ea')],
    ['an address of nobody', () => lawfulAddress({ ip: '224.0.0.1', port: 5 })],
    ['a mapped address', () => lawfulAddress({ ip: '::ffff:102:304', port: 5 })],
    ['a text with an escape', () => lawfulText('\u001b[2J')],
    ['zeros of two signs', () => same([0], [-0], 'zeros')],
    ['bytes that differ', () => same(Uint8Array.of(1), Uint8Array.of(2), 'bytes')],
  ])('%s breaks a law', (_, check) => {
    expect(check).toThrow(BrokenLaw);
  });
});
