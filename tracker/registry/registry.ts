/**
 * Who has what, for how long. Pure: time is given, chance is a port; memory is the only store.
 *
 * It owns contents (a name, a size and a root, or none), peers, and which peer holds which content. It never mixes contents and never
 * throws one source's registrations out for another's. `type` and `checksum` of a REGISTER appear in no reply and are not kept.
 * Invariant: a content is indexed while it has a holding, a peer while it has one, a source while it is charged for one. What is past
 * its lease is never shown or counted; its memory is given back by `sweep`, or when met on the way.
 */

import { ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { TRACKER_NAME_CONTENTS_PER_SOURCE_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Random } from '../../common/ports/random.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { type Few, fewAdd, fewFind, fewGroupSize, fewRemove, fewSample } from './few.js';
import { Content, contentKey, Holding, nameTraits, Peer, rootTraits, TICK_MS } from './holding.js';
import { selectHoldings, shareRows } from './selection.js';
import { SourceQuotas } from './source-quotas.js';

export interface RegistryOptions {
  /** Milliseconds that a registration lives without REGISTER or ALIVE; a multiple of TICK_MS. */
  readonly ttlMs: number;
  /** Registrations of all sources. */
  readonly entriesMaxCount: number;
  /** Registrations of one source. */
  readonly sourceEntriesMaxCount: number;
}

export interface Registration {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot | undefined;
  readonly haveChunks: number | undefined;
  readonly load: number | undefined;
  readonly address: PeerAddress;
  /** Who is charged for it, by `sourceOf`. */
  readonly source: string;
}

/** Contents looked at for one LOOKUP, and holders of them: enough that the choice among them is fair and by load. */
const CONTENTS_SAMPLE_COUNT = 64;
const HOLDINGS_SAMPLE_COUNT = 256;

/** Samples drawn again because ended registrations were among them; each try gives their memory back. */
const SAMPLE_TRIES_COUNT = 8;

export class Registry {
  readonly #random: Random;
  readonly #ttlTicks: number;
  readonly #quotas: SourceQuotas;
  readonly #peers = new Map<string, Peer>();
  readonly #byName = new Map<FileName, Few<Content>>();
  readonly #byRoot = new Map<ContentRoot, Few<Content>>();
  #sweepPeers: Iterator<Peer> = this.#peers.values();
  #sweepPeer: Peer | undefined;
  #sweepIndex = -1;

  constructor(ports: { readonly random: Random }, options: RegistryOptions) {
    this.#random = ports.random;
    this.#ttlTicks = Math.round(options.ttlMs / TICK_MS);
    this.#quotas = new SourceQuotas(options.entriesMaxCount, options.sourceEntriesMaxCount);
  }

  /** What is kept now, with what is past its lease and not yet swept. */
  get counts(): { readonly entries: number; readonly peers: number; readonly names: number; readonly sources: number } {
    return {
      entries: this.#quotas.total,
      peers: this.#peers.size,
      names: this.#byName.size,
      sources: this.#quotas.sourceCount,
    };
  }

  /** Keeps or refreshes a registration. Gives whether it is new. Throws `LIMIT`. */
  register(registration: Registration, nowMs: number): boolean {
    const tick = ticks(nowMs);
    const key = formatPeerAddress(registration.address);
    const haveChunks = registration.haveChunks ?? -1;
    const content = this.#findContent(registration);
    const known = this.#peers.get(key);
    const holding = known && content?.find(known);
    if (holding !== undefined) {
      const isNew = !holding.isLive(tick, this.#ttlTicks);
      holding.tick = tick;
      holding.content.setHave(holding, haveChunks);
      this.#sayRegistered(holding.peer, tick, registration.load);
      return isNew;
    }
    const quota = known?.quota ?? this.#quotas.of(registration.source);
    this.#quotas.check(quota);
    const holder = known ?? new Peer(ownAddress(registration), ownText(key), quota, tick);
    const held = content ?? this.#addContent(registration);
    if (known === undefined) this.#peers.set(holder.key, holder);
    const added = new Holding(held, holder, tick, haveChunks);
    holder.holdings.push(added);
    held.add(added);
    this.#quotas.charge(quota);
    this.#sayRegistered(holder, tick, registration.load);
    return true;
  }

  /** Prolongs everything at an address. False where nothing is there. */
  alive(address: PeerAddress, load: number | undefined, nowMs: number): boolean {
    const tick = ticks(nowMs);
    const peer = this.#peers.get(formatPeerAddress(address));
    if (peer === undefined || tick >= peer.lastTick + this.#ttlTicks) return false;
    peer.sayAlive(tick, this.#ttlTicks);
    if (load !== undefined) peer.load = load;
    return true;
  }

  /** Forgets everything at an address. Gives how many registrations that were. */
  unregister(address: PeerAddress, nowMs: number): number {
    const peer = this.#peers.get(formatPeerAddress(address));
    if (peer === undefined) return 0;
    let liveCount = 0;
    for (let last = peer.holdings.at(-1); last !== undefined; last = peer.holdings.at(-1)) {
      if (last.isLive(ticks(nowMs), this.#ttlTicks)) liveCount += 1;
      this.#remove(last);
    }
    return liveCount;
  }

  /** At most `maxCount` holders, the best first; several contents share the rows. Empty where nobody has it. */
  lookup(ref: ContentRef, maxCount: number, nowMs: number): Holding[] {
    const tick = ticks(nowMs);
    for (let tries = 0; tries < SAMPLE_TRIES_COUNT; tries += 1) {
      const few = ref.by === 'root' ? this.#byRoot.get(ref.root) : this.#byName.get(ref.name);
      if (few === undefined) return [];
      const contents = fewSample(few, CONTENTS_SAMPLE_COUNT, this.#random);
      // One content may have to fill all rows, where the others have few holders.
      const sampleCount = Math.max(maxCount, Math.ceil(Math.max(HOLDINGS_SAMPLE_COUNT, 4 * maxCount) / contents.length));
      const ranked = contents
        .map((content) => selectHoldings(this.#sampleLive(content, sampleCount, tick), maxCount, this.#random))
        .filter((holdings) => holdings.length > 0);
      // A root has the same holder under many names, as empty files have; one row of it is enough.
      if (ranked.length > 0) return shareRows(ranked, maxCount, ref.by === 'root');
    }
    return [];
  }

  /** Gives back the memory of registrations that are past their lease; looks at no more than `budgetCount`. Goes round and round. */
  sweep(nowMs: number, budgetCount: number): void {
    const tick = ticks(nowMs);
    for (let budget = budgetCount; budget > 0; budget -= 1) {
      const holding = this.#sweepPeer?.holdings[this.#sweepIndex];
      this.#sweepIndex -= 1;
      if (holding !== undefined) {
        if (!holding.isLive(tick, this.#ttlTicks)) this.#remove(holding);
      } else if (this.#sweepIndex < 0 && !this.#nextSweepPeer()) return;
    }
  }

  #sayRegistered(peer: Peer, tick: number, load: number | undefined): void {
    peer.sayRegistered(tick, this.#ttlTicks);
    if (load !== undefined) peer.load = load;
  }

  #nextSweepPeer(): boolean {
    const next = this.#sweepPeers.next();
    this.#sweepPeer = next.done === true ? undefined : next.value;
    this.#sweepIndex = (this.#sweepPeer?.holdings.length ?? 0) - 1;
    if (next.done === true) this.#sweepPeers = this.#peers.values();
    return next.done !== true;
  }

  /** Live holders of a content; those past their lease that are met are removed. A quarter is kept for partial ones. */
  #sampleLive(content: Content, count: number, tick: number): Holding[] {
    let live: Holding[] = [];
    for (let tries = 0; tries < SAMPLE_TRIES_COUNT; tries += 1) {
      const partial = fewSample(content.partial, Math.ceil(count / 4), this.#random);
      const complete = fewSample(content.complete, count - partial.length, this.#random);
      const rest = complete.length + partial.length < count ? count - complete.length : partial.length;
      const sampled = [...complete, ...(rest > partial.length ? fewSample(content.partial, rest, this.#random) : partial)];
      live = sampled.filter((holding) => holding.isLive(tick, this.#ttlTicks));
      if (live.length === sampled.length) return live;
      for (const holding of sampled) if (!holding.isLive(tick, this.#ttlTicks)) this.#remove(holding);
    }
    return live;
  }

  #findContent({ name, sizeBytes, root }: Registration): Content | undefined {
    const few = this.#byName.get(name);
    // The usual case, one content of the name, without making its key.
    if (few instanceof Content) return few.sizeBytes === sizeBytes && few.root === root ? few : undefined;
    return few === undefined ? undefined : fewFind(few, contentKey(sizeBytes, root), nameTraits);
  }

  #addContent({ name, sizeBytes, root, source }: Registration): Content {
    const few = this.#byName.get(name);
    if (fewGroupSize(few, source) >= TRACKER_NAME_CONTENTS_PER_SOURCE_COUNT) {
      throw new ShoalError('LIMIT', 'remote', 'Your address has too many different contents under this name; use another name.');
    }
    const content = new Content(ownText(name), sizeBytes, root && ownText(root), source);
    this.#byName.set(content.name, fewAdd(few, content, nameTraits));
    if (content.root !== undefined) {
      this.#byRoot.set(content.root, fewAdd(this.#byRoot.get(content.root), content, rootTraits));
    }
    return content;
  }

  #remove(holding: Holding): void {
    const { content, peer } = holding;
    content.remove(holding);
    const last = peer.holdings.pop();
    if (last !== undefined && last !== holding) {
      last.peerSlot = holding.peerSlot;
      peer.holdings[holding.peerSlot] = last;
    }
    this.#quotas.release(peer.quota);
    if (peer.holdings.length === 0) this.#peers.delete(peer.key);
    if (content.holdingCount > 0) return;
    put(this.#byName, content.name, fewRemove(this.#byName.get(content.name), content));
    if (content.root !== undefined) put(this.#byRoot, content.root, fewRemove(this.#byRoot.get(content.root), content));
  }
}

function put<K>(index: Map<K, Few<Content>>, key: K, few: Few<Content>): void {
  if (few === undefined) index.delete(key);
  else index.set(key, few);
}

function ticks(nowMs: number): number {
  return Math.floor(nowMs / TICK_MS);
}

/** The source's text is one for all that it registers, and mostly the same. */
function ownAddress({ address, source }: Registration): PeerAddress {
  return { ip: address.ip === source ? source : ownText(address.ip), port: address.port };
}

/** A copy of its own: a part of a line would keep the whole line in memory. */
function ownText<T extends string>(text: T): T {
  return Buffer.from(text, 'utf8').toString('utf8') as T;
}
