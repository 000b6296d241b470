import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ContentDetails } from './content-details.js';

describe('content details', () => {
  test('come back as they were told, the last told of each', () => {
    const type = fc.option(fc.constantFrom('text/plain', 'video/mp4', 'a/b'), { nil: undefined });
    const checksum = fc.option(
      fc
        .tuple(fc.constantFrom('crc32', 'sha256', 'x'), fc.stringMatching(/^[0-9a-f]{8,128}$/))
        .map(([name, hex]) => `${name}:${hex}`),
      { nil: undefined },
    );
    fc.assert(
      fc.property(fc.array(fc.record({ content: fc.nat(5), type, checksum, isForgotten: fc.boolean() })), (steps) => {
        const details = new ContentDetails();
        const model = new Map<number, { type: string | undefined; checksum: string | undefined }>();
        for (const one of steps) {
          const known = model.get(one.content);
          if (one.isForgotten) {
            details.forget(one.content);
            model.delete(one.content);
          } else {
            details.tell(one.content, one.type, one.checksum);
            model.set(one.content, { type: one.type ?? known?.type, checksum: one.checksum ?? known?.checksum });
          }
          const told = model.get(one.content) ?? { type: undefined, checksum: undefined };
          expect(details.get(one.content)).toEqual(told);
          expect(details.has(one.content)).toBe(told.type !== undefined || told.checksum !== undefined);
        }
      }),
    );
  });

  test('more types than are shared are kept all the same', () => {
    const details = new ContentDetails();
    for (let at = 1; at <= 3000; at += 1) details.tell(at, `x/${at}`, undefined);
    for (let at = 1; at <= 3000; at += 1) expect(details.get(at).type).toBe(`x/${at}`);
  });
});
