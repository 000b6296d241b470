/**
 * Asks peers how they are, where their own reports are too old to go by, and drops the ones that do not answer.
 *
 *     handed out, report older than an interval ──► asked ──► answers: its load counts from now on; serves less than it registered: its list
 *                                                      │             is looked at (list-walks.ts)
 *                                                      └──► silent ──► asked once more ──► silent: all that it registered is dropped
 *
 * A peer that reports its load is never asked. Nobody can turn this against others: only an address that its own IP registered is dialed
 * (which ones those are is the registry's business), each once an interval and once more, at most PROBES_AT_ONCE at a time and
 * PROBES_PER_SOURCE of one source in an interval.
 * Where nobody at all answers for a while, it is our own line that is cut, and nobody is dropped for it.
 */
import { systemCode } from '../../common/core/errors.js';
import {
  TRACKER_PROBE_PAUSE_MS,
  TRACKER_PROBE_TICK_MS,
  TRACKER_PROBES_AT_ONCE_COUNT,
  TRACKER_PROBES_PER_SOURCE_COUNT,
} from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress, sourceOf } from '../../common/core/peer-address.js';
import type { Log } from '../../common/node/log.js';
import type { Timer } from '../../common/ports/clock.js';
import { askStatus, type ProbeAnswer, SILENT } from './ask-status.js';
import { type ListedRegistry, ListWalks } from './list-walks.js';
import type { Question, QuestionPorts } from './question.js';

/** Sources that did not answer since somebody did, from which on it may be our own line that is cut. */
const DOUBT_SOURCES_COUNT = 8;

/** What a prober asks of the registry. */
export interface ProbedRegistry extends ListedRegistry {
  /** Peers that were handed out and whose load was told, or asked for, an interval ago or longer; each of them once an interval. */
  staleLoads(nowMs: number, maxCount: number): readonly PeerAddress[];
  /** The peer answered, with its load or without. */
  probed(address: PeerAddress, load: number | undefined, nowMs: number): void;
  /** Forgets the peer and all that it registered; gives how many registrations these were. */
  drop(address: PeerAddress, nowMs: number): number;
}

export interface ProberPorts extends QuestionPorts {
  readonly registry: ProbedRegistry;
  readonly log: Log;
}

interface Doubt {
  readonly address: PeerAddress;
  /** When it is asked once more. */
  readonly dueMs: number;
}

export class Prober {
  readonly #ports: ProberPorts;
  readonly #intervalMs: number;
  readonly #open = new Set<Question<ProbeAnswer>>();
  readonly #lists: ListWalks;
  /** The ones that did not answer once. Bounded, since while there are many nobody else is asked. */
  readonly #doubted = new Map<string, Doubt>();
  /** Of this interval. */
  readonly #countOfSource = new Map<string, number>();
  #countedSinceMs: number;
  /** Sources that failed since a peer answered, as far as they count. */
  readonly #failedSources = new Set<string>();
  #timer: Timer | undefined;
  #isClosed = false;

  /** `intervalMs` is how often peers shall report. */
  constructor(ports: ProberPorts, { intervalMs }: { readonly intervalMs: number }) {
    this.#ports = ports;
    this.#lists = new ListWalks(ports);
    this.#intervalMs = intervalMs;
    this.#countedSinceMs = ports.clock.nowMs();
    this.#arm();
  }

  /** Ends all questions. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const probe of this.#open) probe.cancel();
    this.#lists.close();
  }

  #arm(): void {
    this.#timer = this.#ports.clock.setTimer('probe peers', TRACKER_PROBE_TICK_MS, () => {
      this.#tick(this.#ports.clock.nowMs());
      this.#arm();
    });
  }

  #tick(nowMs: number): void {
    if (nowMs - this.#countedSinceMs >= this.#intervalMs) {
      this.#countOfSource.clear();
      this.#lists.renew();
      this.#countedSinceMs = nowMs;
    }
    for (const [key, { address, dueMs }] of this.#doubted) {
      if (this.#roomCount <= 0) return;
      if (dueMs > nowMs) continue;
      this.#doubted.delete(key);
      void this.#probe(address, true);
    }
    const roomCount = this.#roomCount - this.#doubted.size;
    if (roomCount <= 0) return;
    for (const address of this.#ports.registry.staleLoads(nowMs, roomCount)) {
      if (this.#isWithinBudget(address) && !this.#doubted.has(formatPeerAddress(address))) void this.#probe(address, false);
    }
  }

  get #roomCount(): number {
    return TRACKER_PROBES_AT_ONCE_COUNT - this.#open.size;
  }

  #isWithinBudget({ ip }: PeerAddress): boolean {
    const source = sourceOf(ip);
    const count = this.#countOfSource.get(source) ?? 0;
    if (count >= TRACKER_PROBES_PER_SOURCE_COUNT) return false;
    this.#countOfSource.set(source, count + 1);
    return true;
  }

  /** Never throws. */
  async #probe(address: PeerAddress, isSecond: boolean): Promise<void> {
    const probe = askStatus(this.#ports, address);
    this.#open.add(probe);
    const answer = await probe.answer.catch((error: unknown) => (isOutOfHandles(error) ? undefined : SILENT));
    this.#open.delete(probe);
    // What could not be asked says nothing of the peer.
    if (this.#isClosed || answer === undefined) return;
    const nowMs = this.#ports.clock.nowMs();
    if (answer.isAlive) {
      this.#failedSources.clear();
      this.#ports.registry.probed(address, answer.load, nowMs);
      if (answer.fileCount !== undefined) void this.#lists.look(address, answer.fileCount);
      return;
    }
    this.#noteFailure(address);
    if (isSecond) this.#giveUp(address, nowMs);
    else this.#doubted.set(formatPeerAddress(address), { address, dueMs: nowMs + TRACKER_PROBE_PAUSE_MS });
  }

  #noteFailure({ ip }: PeerAddress): void {
    if (this.#failedSources.size >= DOUBT_SOURCES_COUNT) return;
    this.#failedSources.add(sourceOf(ip));
    if (this.#failedSources.size === DOUBT_SOURCES_COUNT)
      this.#ports.log.warn({ sourceCount: DOUBT_SOURCES_COUNT }, 'no peer answers; none is dropped until one does');
  }

  #giveUp(address: PeerAddress, nowMs: number): void {
    const fields = { address: formatPeerAddress(address) };
    if (this.#failedSources.size >= DOUBT_SOURCES_COUNT) return;
    const count = this.#ports.registry.drop(address, nowMs);
    if (count > 0) this.#ports.log.info({ ...fields, count }, 'dropped a peer that does not answer');
  }
}

/** This process may open no more for now. */
function isOutOfHandles(error: unknown): boolean {
  const code = systemCode((error as { cause?: unknown } | undefined)?.cause);
  return code === 'EMFILE' || code === 'ENFILE';
}
