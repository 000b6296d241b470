import { describe, expect, test } from '@jest/globals';
import { SimRandom } from './sim-random.js';

const draw = (random: SimRandom, count: number) => Array.from({ length: count }, () => random.below(1000));

describe('chance by seed', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(draw(new SimRandom(5), 50)).toEqual(draw(new SimRandom(5), 50));
    expect(draw(new SimRandom(5), 50)).not.toEqual(draw(new SimRandom(6), 50));
  });

  test('is even: each of 10 numbers comes about as often', () => {
    const random = new SimRandom(1);
    const counts = new Array<number>(10).fill(0);
    for (let nth = 0; nth < 100_000; nth += 1) {
      const drawn = random.below(10);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    // Five standard deviations.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(475);
  });

  test('of its own is not changed by what others draw', () => {
    const [one, other] = [new SimRandom(9), new SimRandom(9)];
    const [mine, same] = [one.fork(), other.fork()];
    draw(one, 100);
    expect(draw(mine, 20)).toEqual(draw(same, 20));
  });
});
