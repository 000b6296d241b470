/** When a command is left to a running node, and when it is not. */
import { expect, test } from '@jest/globals';
import { CommandInput } from '../../common/cli/command-spec.js';
import type { NodeSettings } from '../serve/control-protocol.js';
import { conflictOf, limitsText, type WantedSettings } from './running-node.js';

const settings: NodeSettings = {
  trackers: ['a:1', 'b:2'],
  host: '0.0.0.0',
  port: 4701,
  announce: '*:4701',
  limits: limitsText({ upBytesPerSecond: 10 * 1024 ** 2, isLanLimited: true }),
  hash: 'blake3',
  isFolderOnly: false,
  isUdp: false,
};
const any: WantedSettings = { trackers: undefined, areTrackersAll: true };
const [a, b, c] = ['a', 'b', 'c'].map((host, index) => ({ host, port: index + 1 }));

function conflict(flags: Readonly<Record<string, string>>, wanted: WantedSettings = any): string | undefined {
  return conflictOf(settings, new CommandInput([], new Map(Object.entries(flags).map(([key, value]) => [key, [value]]))), wanted);
}

test('flags that were not named, or say what the node has, stand in nobody’s way', () => {
  expect(conflict({})).toBeUndefined();
  expect(conflict({ host: '0.0.0.0', port: '0', 'limit-lan': 'yes' })).toBeUndefined();
  // As a configuration file gives them to all commands alike.
  expect(conflict({ port: '4701', announce: '*:4701', 'limit-up': '10M' })).toBeUndefined();
});

test.each<[Readonly<Record<string, string>>, RegExp]>([
  [{ host: '::1' }, /--host/],
  [{ port: '4702' }, /--port/],
  [{ announce: '*:1' }, /--announce/],
  [{ 'limit-up': '9M' }, /limits/],
  [{ 'limit-up': '10M', 'limit-lan': 'no' }, /limits/],
  [{ udp: 'true' }, /--udp/],
])('%j wants another node', (flags, what) => {
  expect(conflict(flags)).toMatch(what);
});

test('whoever shares names all trackers of the node or none; whoever fetches names some of them', () => {
  const named = (...trackers: (typeof a)[]) => trackers.filter((tracker) => tracker !== undefined);
  expect(conflict({}, { trackers: named(b, a), areTrackersAll: true })).toBeUndefined();
  expect(conflict({}, { trackers: named(a), areTrackersAll: true })).toMatch(/trackers/);
  expect(conflict({}, { trackers: named(a), areTrackersAll: false })).toBeUndefined();
  expect(conflict({}, { trackers: named(a, c), areTrackersAll: false })).toMatch(/trackers/);
});

test('another hash function, and folders without their files, want another node', () => {
  expect(conflict({}, { ...any, hash: 'sha256' })).toMatch(/--hash/);
  expect(conflict({}, { ...any, isFolderOnly: true })).toMatch(/--folder-only/);
});
