import { expect, test } from '@jest/globals';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import { Introductions } from './introductions.js';

const ONE = parseContentRoot('ab'.repeat(32));
const OTHER = parseContentRoot('cd'.repeat(32));
const address = (port: number) => ({ ip: '192.0.2.7', port });

test('a peer is made known to everybody who fetches that content, until they end it, and to nobody else', () => {
  const introductions = new Introductions();
  const heard: string[] = [];
  const watch = (who: string, root = ONE) => introductions.watch(root, (peer) => heard.push(`${who} ${formatPeerAddress(peer)}`));
  const [endFirst, endSecond] = [watch('first'), watch('second')];
  watch('other', OTHER);
  introductions.seen(ONE, address(1));
  expect(heard.splice(0)).toEqual(['first 192.0.2.7:1', 'second 192.0.2.7:1']);
  endFirst();
  endFirst();
  introductions.seen(ONE, address(2));
  expect(heard.splice(0)).toEqual(['second 192.0.2.7:2']);
  endSecond();
  watch('third');
  // Of a time that is over: it must not end what came after it.
  endSecond();
  introductions.seen(ONE, address(3));
  introductions.seen(OTHER, address(4));
  expect(heard).toEqual(['third 192.0.2.7:3', 'other 192.0.2.7:4']);
});
