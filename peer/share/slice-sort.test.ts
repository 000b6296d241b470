import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sortInSlices } from './slice-sort.js';

test('sorts as the built-in sort does, also where lists are longer than a slice', async () => {
  const property = fc.asyncProperty(fc.array(fc.nat(1000), { maxLength: 50 }), fc.constantFrom(1, 300), async (seed, times) => {
    const items = Array.from({ length: times }, () => seed).flat();
    const expected = items.slice().sort((left, right) => left - right);
    expect(await sortInSlices(items, (left, right) => left - right)).toEqual(expected);
  });
  await fc.assert(property, { numRuns: 30 });
});
