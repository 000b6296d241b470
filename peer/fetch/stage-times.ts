/**
 * Where the time of a fetch goes. Pure: time is passed in, and each event costs one step, however many peers there are.
 *
 * A fetch is a pipeline:
 *
 *     peer (its disk, its queue) ─► network ─► our rate limit ─► slot ─► hash ─► write ─► sync
 *        one lane for each peer                                   the landing, on the workers
 *
 * A stage limits the fetch if the others wait for it. Which one that is shows in what lies between them: before a slow stage work piles
 * up, behind it there is none. So at each moment of the phase `fetch` one thing is waited for, the first of these that holds:
 *
 * 1. `landing`: a connection has no slot to read into, or half of all slots lie with the workers. Whatever comes is hashed and
 *    written later: the workers are behind. How long they hashed and how long they wrote tells which of the two it was.
 * 2. `peers`: requests are open. The moment is charged to the connections that have some, in equal parts; so a peer that alone holds
 *    the last chunks, or is the only one that has what is missing, gets all of it, and among many that are busy nobody sticks out.
 * 3. `landing`: all that was asked for is here, and is being hashed or written.
 * 4. `sync`: only the disk is at work, making last what was written.
 * 5. `no-peer`: nobody is connected who has what is missing.
 *
 * Of a connection's part of `peers` goes to `limit` what our own rate limit held it back, which its stream counts.
 * The other phases are stages themselves. What a moment is charged to was found at the event before it, since only an event changes it;
 * an event that does not change it charges nothing, for a chunk is too short a thing to do much about.
 * Invariant: each moment is charged to one stage, so `spentMs` adds up to `totalMs`.
 */
import {
  addTotals,
  type ConnectionsWatch,
  type ConnectionWatch,
  NO_TOTALS,
  type ReplyTimes,
  type ReplyTotals,
} from '../net/reply-times.js';
import type { FetchPhase } from './fetch-events.js';

/** What a moment can be spent on. */
export type Stage = 'lookup' | 'connect' | 'check' | 'no-peer' | 'peers' | 'limit' | 'landing' | 'sync';

/** The part of all slots that the workers may have before they count as behind. */
const BACKLOG_SHARE = 0.5;

/** One peer's part, over all connections to it. */
export interface PeerTimes extends ReplyTotals {
  readonly address: string;
  /** Its part of the time that was spent on `peers`. */
  readonly heldMs: number;
}

/** What the workers and the disk did, added up over threads; so it may be more than the time that passed. */
export interface WorkTimes {
  readonly landedCount: number;
  /** Opening files to write to. */
  readonly openMs: number;
  readonly hashMs: number;
  readonly writeMs: number;
  /** Chunks that had arrived waited this long for a worker, and for a core to run it. */
  readonly queueMs: number;
  /** Making last what was written, while the fetch went on or at its end. */
  readonly syncMs: number;
}

export interface StageReport {
  readonly totalMs: number;
  readonly spentMs: Readonly<Record<Stage, number>>;
  readonly work: WorkTimes;
  /** Those that were connected, in the order in which they were dialed. */
  readonly peers: readonly PeerTimes[];
}

interface PeerAccount {
  totals: ReplyTotals;
  heldMs: number;
  readonly connections: Set<Connection>;
}

interface Connection {
  readonly times: ReplyTimes;
  /** What every busy connection had been charged at its last change of state; `undefined` while it is not busy. */
  heldMark: number | undefined;
}

export class StageTimes implements ConnectionsWatch {
  readonly #startedMs: number;
  /** Landings from which on the workers count as behind. */
  readonly #backlogCount: number;
  readonly #spentMs: Record<Stage, number>;
  readonly #workMs = { open: 0, hash: 0, write: 0, landing: 0, sync: 0 };
  readonly #peers = new Map<string, PeerAccount>();
  #lastMs: number;
  #stage: Stage = 'lookup';
  #isFetching = false;
  #busyCount = 0;
  #starvedCount = 0;
  /** What a connection that was busy all the time would have been charged: each is charged what this grew by while it was. */
  #heldEachMs = 0;
  #landingCount = 0;
  #landedCount = 0;
  #syncCount = 0;

  /** `slotCount`: of the memory that chunks land in. */
  constructor(nowMs: number, slotCount: number) {
    this.#startedMs = nowMs;
    this.#lastMs = nowMs;
    this.#backlogCount = BACKLOG_SHARE * slotCount;
    this.#spentMs = { lookup: 0, connect: 0, check: 0, 'no-peer': 0, peers: 0, limit: 0, landing: 0, sync: 0 };
  }

  /** A phase begins. */
  enter(phase: FetchPhase, nowMs: number): void {
    this.#charge(nowMs);
    this.#isFetching = phase === 'fetch';
    this.#stage = phase === 'finish' ? 'sync' : phase === 'fetch' ? this.#waitedFor() : phase;
  }

  watchConnection(address: string, times: ReplyTimes): ConnectionWatch {
    const account = this.#accountOf(address);
    const connection: Connection = { times, heldMark: undefined };
    account.connections.add(connection);
    return {
      turned: (before, debt, nowMs, beforeMs, heldBackMs) => {
        this.#charge(nowMs);
        if (before === 'due') this.#shareOut(account, connection, beforeMs > 0 ? heldBackMs / beforeMs : 0);
        if (before === 'starved') this.#starvedCount -= 1;
        if (debt === 'starved') this.#starvedCount += 1;
        if (debt === 'due') this.#busyCount += 1;
        connection.heldMark = debt === 'due' ? this.#heldEachMs : undefined;
        this.#look(nowMs);
      },
      closed: (totals) => {
        account.connections.delete(connection);
        account.totals = addTotals(account.totals, totals);
      },
    };
  }

  /** A chunk that arrived is being brought to the disk: until `fileOpened`, then again until `landed`. */
  landing(nowMs: number): void {
    this.#landingCount += 1;
    this.#look(nowMs);
  }

  /** The file to write it to is open, or could not be opened. */
  fileOpened(sinceMs: number, nowMs: number): void {
    this.#workMs.open += nowMs - sinceMs;
    this.#landingCount -= 1;
    this.#look(nowMs);
  }

  /** It is there, or is not going to be; a worker took so long to hash it, and to write it. */
  landed(sinceMs: number, nowMs: number, hashMs: number, writeMs: number): void {
    const workMs = this.#workMs;
    workMs.landing += nowMs - sinceMs;
    workMs.hash += hashMs;
    workMs.write += writeMs;
    this.#landedCount += 1;
    this.#landingCount -= 1;
    this.#look(nowMs);
  }

  /** The disk makes last what was written, until `synced`. */
  syncing(nowMs: number): void {
    this.#syncCount += 1;
    this.#look(nowMs);
  }

  synced(sinceMs: number, nowMs: number): void {
    this.#workMs.sync += nowMs - sinceMs;
    this.#syncCount -= 1;
    this.#look(nowMs);
  }

  /** What was until now; of a connection that is open, until it last changed its state. */
  report(nowMs: number): StageReport {
    this.#charge(nowMs);
    const { open, hash, write, landing, sync } = this.#workMs;
    const queueMs = Math.max(0, landing - hash - write);
    return {
      totalMs: nowMs - this.#startedMs,
      spentMs: { ...this.#spentMs },
      work: { landedCount: this.#landedCount, openMs: open, hashMs: hash, writeMs: write, queueMs, syncMs: sync },
      peers: [...this.#peers].map((entry) => this.#peerTimes(entry)).filter(({ roundTripMs }) => roundTripMs !== null),
    };
  }

  #peerTimes([address, account]: [string, PeerAccount]): PeerTimes {
    let { heldMs, totals } = account;
    for (const { times, heldMark } of account.connections) {
      totals = addTotals(totals, times.totals());
      if (heldMark !== undefined) heldMs += this.#heldEachMs - heldMark;
    }
    return { address, heldMs, ...totals };
  }

  /** Gives a connection that is busy no more its part of the waiting; a share of that goes to our own limit. */
  #shareOut(account: PeerAccount, { heldMark = 0 }: Connection, limitShare: number): void {
    this.#busyCount -= 1;
    const partMs = this.#heldEachMs - heldMark;
    account.heldMs += partMs * (1 - limitShare);
    this.#spentMs.peers -= partMs * limitShare;
    this.#spentMs.limit += partMs * limitShare;
  }

  /** Finds out what is waited for; where it is as before there is nothing to charge, which makes most events cheap. */
  #look(nowMs: number): void {
    if (!this.#isFetching) return;
    const stage = this.#waitedFor();
    if (stage === this.#stage) return;
    this.#charge(nowMs);
    this.#stage = stage;
  }

  /** Charges the time since the last charge to what was waited for. */
  #charge(nowMs: number): void {
    const passedMs = nowMs - this.#lastMs;
    // Also where it was charged just now, and those that it was shared among are gone since.
    if (passedMs === 0) return;
    this.#lastMs = nowMs;
    this.#spentMs[this.#stage] += passedMs;
    if (this.#stage === 'peers') this.#heldEachMs += passedMs / this.#busyCount;
  }

  #waitedFor(): Stage {
    if (this.#starvedCount > 0 || this.#landingCount >= this.#backlogCount) return 'landing';
    if (this.#busyCount > 0) return 'peers';
    if (this.#landingCount > 0) return 'landing';
    return this.#syncCount > 0 ? 'sync' : 'no-peer';
  }

  #accountOf(address: string): PeerAccount {
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    const account = { totals: NO_TOTALS, heldMs: 0, connections: new Set<Connection>() };
    this.#peers.set(address, account);
    return account;
  }
}
