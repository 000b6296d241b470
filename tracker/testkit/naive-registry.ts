/** The registry as its contract tells it: a list of everything, walked each time, from which things go at the very millisecond they end. */
import { chunkCount } from '../../common/core/chunks.js';
import { UPLOAD_SLOTS_START_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { ContentInfo, PeerInfo } from '../../common/wire/tracker-replies.js';
import type { JoinRegistration, Registration } from '../registry/registry.js';

export interface NaiveRow extends Pick<Registration, 'name' | 'sizeBytes' | 'root' | 'haveChunks'> {
  readonly content: string;
  readonly key: string;
  endMs: number;
}

interface NaivePeer {
  readonly address: PeerAddress;
  seenMs: number;
  reportMs: number;
  load?: number | undefined;
  acceptBytes?: number | undefined;
  namedCount: number;
  join?: { endMs: number; readonly group: string | undefined } | undefined;
}

const LOAD_UNKNOWN = 50;
const NAMED_LOAD = Math.floor(100 / UPLOAD_SLOTS_START_COUNT);

export class NaiveRegistry {
  rows: NaiveRow[] = [];
  readonly peers = new Map<string, NaivePeer>();
  readonly details = new Map<string, { type?: string | undefined; checksum?: string | undefined }>();
  readonly #ttlMs: number;
  readonly #intervalMs: number;

  constructor(ttlMs: number, intervalMs: number) {
    this.#ttlMs = ttlMs;
    this.#intervalMs = intervalMs;
  }

  at(key: string): NaiveRow[] {
    return this.rows.filter((row) => row.key === key);
  }

  /** Everything that must go, goes. */
  settle(nowMs: number): void {
    this.rows = this.rows.filter((row) => row.endMs > nowMs);
    for (const [key, peer] of this.peers) {
      if (peer.join !== undefined && peer.join.endMs <= nowMs) peer.join = undefined;
      if (peer.join === undefined && this.at(key).length === 0) this.peers.delete(key);
    }
    for (const content of this.details.keys()) {
      if (!this.rows.some((row) => row.content === content)) this.details.delete(content);
    }
  }

  register(registration: Registration, nowMs: number): boolean {
    const { name, sizeBytes, root, haveChunks, load, type, checksum, address } = registration;
    const key = formatPeerAddress(address);
    const content = `${name} ${sizeBytes} ${root}`;
    const known = this.rows.find((row) => row.key === key && row.content === content);
    this.rows = this.rows.filter((row) => row !== known);
    this.rows.push({ name, sizeBytes, root, haveChunks, content, key, endMs: nowMs + this.#ttlMs });
    const told = this.details.get(content);
    this.details.set(content, { type: type ?? told?.type, checksum: checksum ?? told?.checksum });
    this.#hear(this.#meet(address, nowMs), nowMs, load);
    return known === undefined;
  }

  join({ address, load, acceptBytes, group }: JoinRegistration, nowMs: number): void {
    const peer = this.#meet(address, nowMs);
    peer.join = { endMs: nowMs + this.#ttlMs, group };
    peer.acceptBytes = acceptBytes || undefined;
    this.#hear(peer, nowMs, load);
  }

  alive(key: string, load: number | undefined, acceptBytes: number | undefined, nowMs: number): boolean {
    const peer = this.peers.get(key);
    if (peer === undefined) return false;
    for (const row of this.at(key)) row.endMs = nowMs + this.#ttlMs;
    if (peer.join !== undefined) peer.join.endMs = nowMs + this.#ttlMs;
    peer.acceptBytes = acceptBytes || undefined;
    this.#hear(peer, nowMs, load);
    return true;
  }

  unregister(key: string): number {
    const count = this.at(key).length + (this.peers.get(key)?.join === undefined ? 0 : 1);
    this.rows = this.rows.filter((row) => row.key !== key);
    this.peers.delete(key);
    return count;
  }

  withdraw(key: string, isMeant: (row: NaiveRow) => boolean): number {
    const before = this.rows.length;
    this.rows = this.rows.filter((row) => row.key !== key || !isMeant(row));
    return before - this.rows.length;
  }

  probed(key: string, load: number | undefined, nowMs: number): void {
    const peer = this.peers.get(key);
    if (peer === undefined) return;
    peer.namedCount = 0;
    peer.reportMs = nowMs;
    peer.load = load ?? peer.load;
  }

  staleLoads(nowMs: number): string[] {
    const stale = [...this.peers].filter(([, peer]) => peer.namedCount > 0 && nowMs >= peer.reportMs + this.#intervalMs);
    for (const [, peer] of stale) peer.reportMs = nowMs;
    return stale.map(([key]) => key);
  }

  holding(ref: ContentRef): NaiveRow[] {
    return this.rows.filter((row) => (ref.by === 'root' ? row.root === ref.root : row.name === ref.name));
  }

  isComplete({ haveChunks, sizeBytes }: NaiveRow): boolean {
    return haveChunks === undefined || haveChunks >= chunkCount(sizeBytes);
  }

  rank(row: NaiveRow): number {
    const peer = this.peers.get(row.key);
    return (this.isComplete(row) ? 0 : 1e9) + (peer?.load ?? LOAD_UNKNOWN) + (peer?.namedCount ?? 0) * NAMED_LOAD;
  }

  infos(isWanted: (row: NaiveRow) => boolean): ContentInfo[] {
    const wanted = this.rows.filter(isWanted);
    return [...new Set(wanted.map((row) => row.content))].map((content) => {
      const rows = wanted.filter((row) => row.content === content);
      const [first] = rows;
      if (first === undefined) throw new Error('a content has a row');
      const completeCount = rows.filter((row) => this.isComplete(row)).length;
      const { name, sizeBytes, root } = first;
      const told = this.details.get(content);
      const partialCount = rows.length - completeCount;
      return { name, sizeBytes, root, completeCount, partialCount, type: told?.type, checksum: told?.checksum };
    });
  }

  peerInfos(group: string | undefined, nowMs: number): PeerInfo[] {
    return [...this.peers]
      .filter(([, peer]) => group === undefined || peer.join?.group === group)
      .map(([key, { address, seenMs, load, acceptBytes, join }]) => {
        const fileCount = this.at(key).length;
        return { address, fileCount, seenMs: nowMs - seenMs, load, acceptBytes, group: join?.group };
      });
  }

  #meet(address: PeerAddress, nowMs: number): NaivePeer {
    const key = formatPeerAddress(address);
    const peer = this.peers.get(key) ?? { address, seenMs: nowMs, reportMs: nowMs, namedCount: 0 };
    this.peers.set(key, peer);
    return peer;
  }

  #hear(peer: NaivePeer, nowMs: number, load: number | undefined): void {
    peer.seenMs = nowMs;
    peer.namedCount = 0;
    if (load === undefined) return;
    peer.load = load;
    peer.reportMs = nowMs;
  }
}
