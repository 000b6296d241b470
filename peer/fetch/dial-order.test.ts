import { describe, expect, test } from '@jest/globals';
import { dialOrder } from './dial-order.js';

const lane = (ip: string, port: number, turn: number, namedBy = 'tracker', restUntilMs = Number.NEGATIVE_INFINITY) => ({
  address: { ip, port },
  turn,
  namedBy,
  score: { restUntilMs },
});
const shown = (lanes: readonly ReturnType<typeof lane>[]) => lanes.map(({ address }) => `${address.ip}:${address.port}`);

describe('whom to dial first', () => {
  test('MP8: each machine has its first place before one with many ports has its second', () => {
    const sybils = Array.from({ length: 4 }, (_, at) => lane('192.0.2.66', at + 1, at));
    const others = [lane('192.0.2.1', 1, 4), lane('192.0.2.2', 1, 5)];
    const first = ['192.0.2.66:1', '192.0.2.1:1', '192.0.2.2:1', '192.0.2.66:2', '192.0.2.66:3', '192.0.2.66:4'];
    expect(shown(dialOrder([...sybils, ...others], []))).toEqual(first);
  });

  test('MP8: those that are connected count', () => {
    const ready = [lane('192.0.2.66', 2, 0), lane('192.0.2.1', 1, 1)];
    expect(shown(dialOrder(ready, [lane('192.0.2.66', 1, 0)]))).toEqual(['192.0.2.1:1', '192.0.2.66:2']);
  });

  test('where all peers are at one address, they come as they were named', () => {
    const ready = [3, 1, 2].map((port) => lane('192.0.2.1', port, port));
    expect(shown(dialOrder(ready, []))).toEqual(['192.0.2.1:1', '192.0.2.1:2', '192.0.2.1:3']);
  });

  test('many machines that one tracker names do not come before several behind one address that another names', () => {
    const flood = Array.from({ length: 50 }, (_, at) => lane(`198.51.100.${at}`, 1, at, 'evil'));
    const family = [lane('192.0.2.1', 1, 0, 'honest'), lane('192.0.2.1', 2, 1, 'honest')];
    expect(shown(dialOrder([...flood, ...family], [])).slice(0, 4)).toEqual(expect.arrayContaining(shown(family)));
  });

  test('who was tried comes after all who were not, who rested longest first', () => {
    const ready = [lane('192.0.2.1', 1, 0, 'a', 2000), lane('192.0.2.2', 1, 1, 'a', 1000), lane('192.0.2.3', 1, 2, 'a')];
    expect(shown(dialOrder(ready, []))).toEqual(['192.0.2.3:1', '192.0.2.2:1', '192.0.2.1:1']);
  });
});
