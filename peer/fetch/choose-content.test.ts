import { describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { FoundContent, Lookup } from '../discovery/find-content.js';
import { chooseContent } from './choose-content.js';
import { parseFetchSource } from './fetch-source.js';

const [one, two] = ['11'.repeat(32), '22'.repeat(32)] as [ContentRoot, ContentRoot];
const peer = (port: number) => ({ ip: '10.0.0.1', port });
const found = (sizeBytes: number, root: ContentRoot | undefined, port = 1): FoundContent => ({
  sizeBytes,
  root,
  peers: [peer(port)],
});
const lookup = (...contents: FoundContent[]): Lookup => ({ contents, failures: [] });
const failed: Lookup = { contents: [], failures: [{ tracker: 't:1', error: new ShoalError('NETWORK', 'environment', 'Gone.') }] };
const byName = parseFetchSource('x');

describe('which content is meant', () => {
  test('the only one of its name', () => {
    expect(chooseContent(byName, lookup(found(5, one)), 'x')).toMatchObject({ sizeBytes: 5, root: one, isSizeKnown: false });
    expect(chooseContent(byName, lookup(found(5, undefined)), 'x')).toMatchObject({ root: undefined });
  });

  test('what can be verified comes before what cannot', () => {
    expect(chooseContent(byName, lookup(found(9, undefined), found(5, one)), 'x')).toMatchObject({ root: one });
  });

  test('of several nothing is guessed, however many peers have which', () => {
    const many = { ...found(5, one), peers: [peer(1), peer(2), peer(3)] };
    expect(() => chooseContent(byName, lookup(many, found(6, two)), 'x')).toThrow(`\n  @${two}   `);
    expect(() => chooseContent(byName, lookup(found(5, undefined), found(6, undefined)), 'x')).toThrow('unverifiable');
  });

  test('by its root: peers of the link and of the trackers together, and the size of the link', () => {
    const link = parseFetchSource(`magnet:?xt=urn:shoal:${one}&xl=77&x.pe=10.0.0.1:9`);
    const chosen = chooseContent(link, lookup(found(5, two, 2), found(6, one, 3)), 'x');
    expect(chosen).toMatchObject({ sizeBytes: 77, isSizeKnown: true, peers: [peer(9), peer(3)] });
    expect(chooseContent(link, failed, 'x').peers).toEqual([peer(9)]);
  });

  test('nobody has it, or nobody could be asked', () => {
    expect(() => chooseContent(byName, lookup(), 'x')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    expect(() => chooseContent(parseFetchSource(`@${one}`), lookup(found(5, two)), 'x')).toThrow('Nobody shares');
    expect(() => chooseContent(byName, failed, 'x')).toThrow(expect.objectContaining({ code: 'NETWORK' }));
  });
});
