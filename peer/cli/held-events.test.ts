import { beforeEach, describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { parseFileName } from '../../common/core/file-name.js';
import { parseContentRoot } from '../../common/core/root.js';
import type { Announcement } from '../discovery/announcer.js';
import type { NodeEvents } from '../node.js';
import { fullHolding } from '../share/holding.js';
import type { SharedContent } from '../share/shared-content.js';
import { HeldEvents } from './held-events.js';

const [NEAR, FAR] = [
  { host: 'near', port: 1 },
  { host: 'far', port: 2 },
];
const name = parseFileName('file');
const root = parseContentRoot('ab'.repeat(32));
const announced: Announcement = { name, root, sizeBytes: 0 };
const manifest = { name, sizeBytes: 0, chunkBytes: 524_288, hashName: 'blake3' as const, hashes: new Uint8Array(0) };
const content: SharedContent = {
  name,
  root,
  manifest,
  source: { kind: 'memory', bytes: new Uint8Array(0) },
  holding: fullHolding(0),
};
const error = new ShoalError('NETWORK', 'remote', 'Gone.');

let told: string[];
let servedBytes: number;
let events: HeldEvents;

beforeEach(() => {
  told = [];
  servedBytes = 0;
  const target: NodeEvents = {
    registered: (_content, _address, { host }) => told.push(`registered ${host}`),
    refused: (_content, _error, { host }) => told.push(`refused ${host}`),
    trackerLost: ({ host }) => told.push(`lost ${host}`),
    trackerBack: ({ host }) => told.push(`back ${host}`),
    indexed: () => told.push('indexed'),
    changed: () => told.push('changed'),
    scanned: () => told.push('scanned'),
    hashed: () => told.push('hashed'),
    served: () => told.push('served'),
    note: (text) => told.push(text),
  };
  events = new HeldEvents(target, (bytes) => {
    servedBytes += bytes;
  });
});

function tellAll(): void {
  events.registered(announced, undefined, NEAR);
  events.refused(announced, error, FAR);
  events.indexed(content, undefined);
  events.changed(content);
}

describe('events of a node that fetches', () => {
  test('are held until they are released, what is shared before where it is registered, and told once', () => {
    tellAll();
    expect(told).toEqual([]);
    events.release();
    expect(told.splice(0)).toEqual(['indexed', 'registered near', 'refused far', 'changed']);
    events.release();
    expect(told).toEqual([]);
    tellAll();
    expect(told).toEqual(['registered near', 'refused far', 'indexed', 'changed']);
  });

  test('tell of a tracker that is lost by then, and not of one that is back', () => {
    events.trackerLost(NEAR, error);
    events.trackerLost(FAR, error);
    events.trackerBack(NEAR);
    events.release();
    expect(told.splice(0)).toEqual(['lost far']);
    events.trackerBack(FAR);
    events.trackerLost(NEAR, error);
    expect(told).toEqual(['back far', 'lost near']);
  });

  test('count what others take from the beginning, and hold back neither notes nor hashing', () => {
    events.served(content, 5);
    events.note('note');
    events.scanned(1, 2);
    events.hashed(2, false);
    expect(servedBytes).toBe(5);
    expect(told).toEqual(['served', 'note', 'scanned', 'hashed']);
  });
});
