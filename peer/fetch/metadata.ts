/**
 * Manifests, before the first chunk: asks the peers until one gives a manifest that the root confirms. A slow one holds up nobody.
 *
 * A peer whose manifest does not match the root is banned, for the steps that come after this one too.
 * Nothing a manifest claims is believed before its root was computed and compared.
 */
import { chunkCount } from '../../common/core/chunks.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES, MANIFEST_MAX_BYTES } from '../../common/core/limits.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { Timer } from '../../common/ports/clock.js';
import type { Hasher } from '../hash/hasher.js';
import type { PeerConnection } from '../net/peer-connection.js';
import type { KnownPeers } from './known-peers.js';
import { checkedManifest, type ManifestWish } from './manifest-wish.js';
import { isDripping } from './peer-score.js';
import { createRequestQueue } from './request-queue.js';
import { type Lane, Swarm, type SwarmPorts } from './swarm.js';

/** Milliseconds after which it is looked at whether a manifest still comes. */
const MANIFEST_DEADLINE_MS = 10_500;
/** Milliseconds of silence after which others are asked besides, as many as were asked before; and of a manifest that is on its way. */
const SILENT_MS = 500;
const HEDGE_MS = 2500;
/** Peers that may be sending one manifest at a time: each takes its memory. Those that say nothing take none. */
const SENDING_MAX_COUNT = 8;
const ASKED_AT_ONCE_MAX_COUNT = 32;
/** Manifests of a folder's files that are asked for at once. */
const MANIFESTS_AT_ONCE_COUNT = 64;
const TICK_MS = 200;

/** The search for one manifest. */
interface Search {
  readonly asked: Set<Lane>;
  /** Those of them that have not answered yet. */
  readonly open: Set<Lane>;
  /** A peer answered that it does not know the content. */
  isUnknown: boolean;
  /** A peer answered that it has no manifest of it. */
  isRefused: boolean;
  /** Why the last wrong one was wrong. */
  wrong: ShoalError | undefined;
  isOver: boolean;
}

export interface MetadataEvents {
  peerFailed(address: string, reason: string): void;
  peerBanned(address: string, reason: string): void;
}

/** Fetches manifests from peers, also from those that become known meanwhile. */
export class MetadataFetch {
  readonly #ports: SwarmPorts;
  readonly #pool: Pick<Hasher, 'root'>;
  readonly #swarm: Swarm;
  /** Peers that were cut off because they sent nothing. */
  readonly #silent = new Set<Lane>();
  readonly #wakers = new Set<() => void>();
  readonly #peers: KnownPeers;
  readonly #unwatch: () => void;
  #stopped: ShoalError | undefined;

  constructor(ports: SwarmPorts, pool: Pick<Hasher, 'root'>, peers: KnownPeers, events: MetadataEvents) {
    this.#ports = ports;
    this.#pool = pool;
    this.#swarm = new Swarm(ports, {
      connected: () => this.#wake(),
      failed: (lane, error) => {
        events.peerFailed(lane.key, error.message);
        this.#wake();
      },
      banned: (lane, reason) => {
        events.peerBanned(lane.key, reason);
        this.#wake();
      },
    });
    this.#peers = peers;
    this.#unwatch = peers.watch((addresses, source) => {
      this.#swarm.add(addresses, source);
      this.#wake();
    });
  }

  /**
   * One manifest. `undefined` where peers that were asked give none of anything (a stranger's peer knows only GET_CHUNK). Throws
   * `NOT_FOUND` where all that were asked do not share the content, `NETWORK` where nobody could be asked, `VERIFY_FAILED` where only
   * wrong ones came, and what `stop` was given.
   */
  async manifest(wish: ManifestWish): Promise<Manifest | undefined> {
    const search: Search = {
      asked: new Set(),
      open: new Set(),
      isUnknown: false,
      isRefused: false,
      wrong: undefined,
      isOver: false,
    };
    const found = await this.#search(wish, search).finally(() => {
      search.isOver = true;
    });
    if (found !== undefined) return found;
    if (this.#stopped !== undefined) throw this.#stopped;
    if (search.isRefused) return undefined;
    if (search.wrong !== undefined) throw search.wrong;
    // Nobody is taken for a peer without manifests: it may be a folder, and others may have it again soon.
    if (search.isUnknown && this.#swarm.lanes.every((lane) => search.asked.has(lane))) {
      throw new ShoalError(
        'NOT_FOUND',
        'remote',
        `Whoever was said to have @${wish.root} does not share it any more. Try again later.`,
      );
    }
    throw new ShoalError(
      'NETWORK',
      'remote',
      'None of the peers that have it could be reached. Are they running, and does a firewall let their ports through?',
    );
  }

  /** Many manifests, in the order of the wishes. Throws as `manifest`, and `NOT_FOUND` where nobody has one of them. */
  async manifests(wishes: readonly ManifestWish[]): Promise<Manifest[]> {
    const queue = createRequestQueue(MANIFESTS_AT_ONCE_COUNT);
    try {
      return await queue.addAll(
        wishes.map((wish) => async () => {
          const manifest = await this.manifest(wish);
          if (manifest === undefined) throw new ShoalError('NOT_FOUND', 'remote', `No peer gives the manifest of @${wish.root}.`);
          return manifest;
        }),
      );
    } catch (error) {
      queue.clear();
      throw error;
    }
  }

  /** Ends everything under way with `reason`. Idempotent. */
  close(reason: ShoalError): void {
    this.#stopped ??= reason;
    this.#unwatch();
    this.#swarm.close(reason);
    this.#wake();
  }

  /** Asks peers, one after the other; while one takes its time, the next is asked too. `undefined` where nobody is left. */
  #search(wish: ManifestWish, search: Search): Promise<Manifest | undefined> {
    return new Promise((resolve, reject) => {
      let askingCount = 0;
      let timer: Timer | undefined;
      const end = (settle: () => void) => {
        timer?.cancel();
        search.isOver = true;
        settle();
      };
      const begin = () => {
        askingCount += 1;
        this.#askInTurn(wish, search).then(
          (manifest) => {
            askingCount -= 1;
            if (manifest !== undefined || askingCount === 0) end(() => resolve(manifest));
          },
          (error: unknown) => end(() => reject(error)),
        );
      };
      let begunMs = this.#ports.clock.nowMs();
      const look = () => {
        timer = this.#ports.clock.setTimer('next manifest', SILENT_MS, () => {
          const nowMs = this.#ports.clock.nowMs();
          if (this.#isMoreToAsk(search, begunMs, nowMs)) {
            for (let more = Math.min(askingCount, ASKED_AT_ONCE_MAX_COUNT - askingCount); more > 0; more -= 1) begin();
            begunMs = nowMs;
          }
          look();
        });
      };
      begin();
      look();
    });
  }

  /** Whether those that were asked, the last of them at `begunMs`, do not look as if one of them answered soon. */
  #isMoreToAsk({ open }: Search, begunMs: number, nowMs: number): boolean {
    const heads = [...open].flatMap(({ connection }) => connection?.head ?? []);
    const sendingCount = heads.filter((head) => !isDripping(head, nowMs)).length;
    // Whoever answers others that came before is not silent.
    const isSilent = sendingCount === 0 && heads.every(({ sinceMs }) => nowMs - sinceMs >= SILENT_MS);
    return heads.length > 0 && sendingCount < SENDING_MAX_COUNT && (isSilent || nowMs - begunMs >= HEDGE_MS);
  }

  async #askInTurn(wish: ManifestWish, search: Search): Promise<Manifest | undefined> {
    for (;;) {
      const lane = await this.#laneFor(search);
      if (lane === undefined) return undefined;
      try {
        search.open.add(lane);
        return await this.#ask(lane, wish).finally(() => search.open.delete(lane));
      } catch (error) {
        const shoal = asShoalError(error);
        if (shoal.fault !== 'remote') throw shoal;
        this.#noteFailure(lane, search, shoal);
      }
    }
  }

  #noteFailure(lane: Lane, search: Search, error: ShoalError): void {
    if (error.code === 'NOT_FOUND') {
      search.isUnknown = true;
    } else if (error.code === 'VERIFY_FAILED') {
      search.wrong = error;
      lane.isLiar = true;
      this.#swarm.ban(lane, error.message);
    } else if (isGone(lane) || error.code === 'BUSY' || error.code === 'LIMIT') {
      // It may well have it: asked again after its rest, until it is given up.
      if (isGone(lane) && lane.connection?.failure?.code === 'PROTOCOL') this.#swarm.ban(lane, error.message);
      else this.#swarm.drop(lane, error);
      // One that fell silent is not waited for a second time.
      if (!this.#silent.has(lane)) search.asked.delete(lane);
    } else search.isRefused = true;
  }

  async #ask(lane: Lane, wish: ManifestWish): Promise<Manifest> {
    const { content, sizeBytes } = wish;
    const maxBytes = sizeBytes === undefined ? MANIFEST_MAX_BYTES : HASH_BYTES * chunkCount(sizeBytes) + 64 * 1024;
    const connection = lane.connection;
    if (connection === undefined) throw new ShoalError('NETWORK', 'remote', 'The peer is gone.');
    const deadline = this.#watch(lane, connection);
    const bytes = await connection.getManifest(content, maxBytes).finally(() => deadline.cancel());
    return checkedManifest(bytes, wish, this.#pool);
  }

  /** Cuts a peer off that falls silent or drips; a large manifest over a slow line may take its time. */
  #watch(lane: Lane, connection: PeerConnection): Timer {
    let timer: Timer;
    const check = () => {
      const head = connection.head;
      const isDead = head !== undefined && lane.score.judge(head, CHUNK_BYTES, this.#ports.clock.nowMs()) === 'dead';
      if (isDead) this.#silent.add(lane);
      if (isDead) this.#swarm.drop(lane, new ShoalError('NETWORK', 'remote', `Peer ${lane.key} does not answer.`));
      else timer = this.#ports.clock.setTimer('manifest deadline', MANIFEST_DEADLINE_MS, check);
    };
    timer = this.#ports.clock.setTimer('manifest deadline', MANIFEST_DEADLINE_MS, check);
    return { cancel: () => timer.cancel() };
  }

  /** A connected peer that was not asked yet and counts as asked from now on, waiting for one as long as there is hope. */
  async #laneFor(search: Search): Promise<Lane | undefined> {
    const { asked } = search;
    while (this.#stopped === undefined && !search.isOver) {
      const free = this.#swarm.connected.filter((lane) => !asked.has(lane));
      const index = this.#ports.random.below(Math.max(1, free.length));
      const lane = free[index];
      if (lane !== undefined) {
        // At once, since others look for one too.
        asked.add(lane);
        return lane;
      }
      const isHope = this.#swarm.lanes.some((lane) => !asked.has(lane) && !this.#swarm.isLost(lane));
      if (!isHope && this.#peers.isWhole) return undefined;
      await this.#nextEvent();
      this.#swarm.dialSome();
    }
    return undefined;
  }

  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#ports.clock.setTimer('manifest wait', TICK_MS, () => wake());
      const wake = () => {
        timer.cancel();
        this.#wakers.delete(wake);
        resolve();
      };
      this.#wakers.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }
}

function isGone(lane: Lane): boolean {
  return lane.connection === undefined || lane.connection.failure !== undefined;
}
