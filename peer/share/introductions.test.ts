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

test('one IP address makes a bounded number of ports known, and may say them again; others are heard all the same', () => {
  const introductions = new Introductions();
  const heard: string[] = [];
  introductions.watch(ONE, (peer) => heard.push(formatPeerAddress(peer)));
  for (let port = 1; port <= 1000; port += 1) introductions.seen(ONE, address(port));
  expect(heard.splice(0)).toHaveLength(16);
  introductions.seen(ONE, address(16));
  introductions.seen(ONE, { ip: '192.0.2.8', port: 17 });
  expect(heard.splice(0)).toEqual(['192.0.2.7:16', '192.0.2.8:17']);
  for (let at = 0; at < 2000; at += 1) introductions.seen(ONE, { ip: `198.51.${at >> 8}.${at & 255}`, port: 1 });
  expect(heard.splice(0)).toHaveLength(498);
  for (let port = 1; port <= 100; port += 1) introductions.seen(ONE, { ip: '127.0.0.1', port });
  expect(heard).toHaveLength(100);
});
