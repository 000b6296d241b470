/** What a download is given, what it tells as it goes, and what it says at its end. */
import type { Hasher } from '../hash/hasher.js';
import type { PartStore } from '../store/part-store.js';
import type { Catalog } from './catalog.js';
import type { SwarmContent } from './greeting.js';
import type { KnownPeers } from './known-peers.js';
import type { PeerLookup } from './peer-refresh.js';
import type { Plan } from './plan.js';

export interface DownloadEvents {
  progress(doneBytes: number, connectedCount: number): void;
  peerConnected(address: string): void;
  peerFailed(address: string, reason: string): void;
  peerBanned(address: string, reason: string): void;
  /** A sync failed: this many chunks are fetched again. */
  syncFailed(chunkCount: number): void;
}

export interface DownloadOptions {
  readonly catalog: Catalog;
  readonly plan: Plan;
  readonly store: Pick<PartStore, 'acquire' | 'release' | 'pathOf' | 'wrote' | 'checkpoint'>;
  readonly pool: Pick<Hasher, 'land'>;
  /** Whom to ask, also those that become known while it runs. */
  readonly peers: KnownPeers;
  /** How each tracker is asked again. */
  readonly lookups: readonly PeerLookup[];
  /** Gives up when no chunk came for this long. */
  readonly patienceMs: number;
  readonly events: DownloadEvents;
  /** What peers are asked about, to learn which chunks they have. Where it is missing, each is taken to have everything. */
  readonly swarm?: SwarmContent;
  /** Called with each unit that is verified and written, and the hash of its chunk. */
  readonly onLanded: (unit: number, hash: Uint8Array) => void;
}

export interface DownloadReport {
  /** Verified bytes that came over the network. */
  readonly fetchedBytes: number;
  /** Bytes that arrived twice. */
  readonly wastedBytes: number;
  readonly peers: readonly { readonly address: string; readonly bytes: number; readonly chunks: number }[];
}
