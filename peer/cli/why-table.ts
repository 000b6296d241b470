/** The table of `peer fetch --why`: where the time went, stage by stage and peer by peer. Text only; the numbers come ready. */
import { formatBytes, formatDuration, formatRate } from '../../common/core/units.js';
import type { PeerTimes, Stage } from '../fetch/stage-times.js';
import type { Why } from '../fetch/verdict.js';
import { columns, type Row } from './table.js';

/** What each stage was waiting for, in the order of the pipeline. */
const MEANINGS: Readonly<Record<Stage, string>> = {
  lookup: 'trackers were asked',
  connect: 'the manifest came from a peer',
  check: 'what was here before was hashed',
  'no-peer': 'nobody was connected who had what was missing and time for it',
  peers: 'peers had requests open, and the rest waited for them',
  limit: 'your rate limit (--limit-down) held the peers back',
  landing: 'peers were ready, and waited for hashing and writing',
  sync: 'only the disk was at work, making it last',
};

/** A peer that brought nothing is shown if it was waited for this part of the time. */
const HELD_UP_SHARE = 0.01;

/** Lines, each ended by LF. `bytesOf` says what a peer brought, verified; 0 where nothing. */
export function whyTable(why: Why, bytesOf: (address: string) => number): string {
  const stages = Object.entries(MEANINGS).map(([stage, meaning]) => {
    const ms = why.spentMs[stage as Stage];
    return [stage, timeText(ms), shareText(ms, why.totalMs), meaning];
  });
  const parts = [
    columns([['stage', 'time', 'share', 'meaning'], ...stages, ['all', timeText(why.totalMs), '100 %', '']], 'lrrl'),
    columns([['work', 'time', 'meaning'], ...workRows(why)], 'lrl'),
  ];
  const shown = why.peers.filter(({ address, heldMs }) => bytesOf(address) > 0 || heldMs >= HELD_UP_SHARE * why.totalMs);
  if (shown.length > 0) {
    const head = ['peer', 'brought', 'held up', 'waited', 'received', 'rate', 'round trip', 'limited', 'no slot'];
    parts.push(columns([head, ...shown.map((peer) => peerRow(peer, bytesOf(peer.address)))], 'lrrrrrrrr'));
  }
  return parts.map((part) => `${part}\n`).join('\n');
}

function workRows({ work, load, totalMs }: Why): Row[] {
  const rows: Row[] = [
    ['hash', timeText(work.hashMs), `${work.landedCount} chunks checked, over all threads`],
    ['write', timeText(work.openMs + work.writeMs), 'written, files opened'],
    ['queue', timeText(work.queueMs), 'chunks waited for a thread'],
    ['sync', timeText(work.syncMs), 'made last, while the fetch went on or after it'],
  ];
  if (load === null) return rows;
  const { loopBusyMs, loopDelayP99Ms, loopDelayMaxMs, coresBusyMs, coreCount } = load;
  const delays = `late by ${loopDelayMaxMs.toFixed(0)} ms at most, 99 % below ${loopDelayP99Ms.toFixed(0)} ms`;
  rows.push(['main thread', timeText(loopBusyMs), `${shareText(loopBusyMs, totalMs)} busy; ${delays}`]);
  const cores = `${shareText(coresBusyMs, totalMs * coreCount)} of ${coreCount} busy, with all that runs here`;
  rows.push(['cores', timeText(coresBusyMs), cores]);
  return rows;
}

function peerRow({ address, heldMs, waitMs, receiveMs, roundTripMs, heldBackMs, starvedMs }: PeerTimes, bytes: number): Row {
  return [
    address,
    formatBytes(bytes),
    timeText(heldMs),
    timeText(waitMs),
    timeText(receiveMs),
    formatRate((bytes * 1000) / Math.max(1, waitMs + receiveMs + heldBackMs)),
    roundTripMs === null ? '-' : `${roundTripMs.toFixed(1)} ms`,
    timeText(heldBackMs),
    timeText(starvedMs),
  ];
}

/** Milliseconds below a second, as `87 ms`; above as everywhere. */
function timeText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : formatDuration(ms);
}

function shareText(ms: number, totalMs: number): string {
  return `${Math.round((100 * ms) / Math.max(1, totalMs))} %`;
}
