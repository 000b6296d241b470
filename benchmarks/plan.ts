/**
 * What the plan of a fetch costs a chunk, and how much memory it takes, for a content of 1 TiB.
 *
 * The whole life of each chunk is counted: it is chosen and claimed, now and then put off, lands, and the other peers tell that they have
 * it. A quarter of the peers have everything, and every second of those never says so; the others begin with a half drawn by chance, and
 * gain: in one fetch a few of them with each chunk that lands, in one all of them, so that they have everything when it ends. The time is the processor's, so that other programs do not lengthen it; what the benchmark does
 * between the calls is in it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Bitfield } from '../common/core/bitfield.js';
import type { Random } from '../common/ports/random.js';
import { SimRandom } from '../common/sim/sim-random.js';
import { Plan } from '../peer/fetch/plan.js';
import type { PlanPeer } from '../peer/fetch/plan-peer.js';
import { figure, type Section } from './report.js';

const PEER_COUNT = 64;
/** Chunks asked for at a time, all peers together. */
const ASKED_COUNT = 512;
/** Seeds of a swarm that is not of seeds alone. */
const SEED_COUNT = PEER_COUNT / 4;
const GROWER_COUNT = PEER_COUNT - SEED_COUNT;
/** Peers that gain a chunk while one lands, where it is a few. */
const FEW_COUNT = 6;
/** One chunk of so many is put off by the peer that is asked first. */
const PUT_OFF_EVERY_COUNT = 1000;
const MIB = 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export interface PlanOptions {
  readonly chunkCount: number;
  readonly runCount: number;
}

/** One fetch at its end. */
interface Run {
  /** Of the processor, for each chunk. */
  readonly chunkUs: number;
  /** For a peer with half of all chunks to join, tell that, be given its first chunk and leave again, and the order of all made anew. */
  readonly joinMs: number;
  readonly memoryMib: number;
}

export async function benchPlan({ chunkCount, runCount }: PlanOptions): Promise<Section> {
  const few: Run[] = [];
  const all: Run[] = [];
  const seeds: Run[] = [];
  for (let run = 1; run <= runCount; run += 1) {
    few.push(new Swarm(chunkCount, run, SEED_COUNT, FEW_COUNT).fetchAll());
    all.push(new Swarm(chunkCount, run, SEED_COUNT, GROWER_COUNT).fetchAll());
    seeds.push(new Swarm(chunkCount, run, PEER_COUNT, 0).fetchAll());
  }
  const row = (what: string, unit: string, runs: readonly Run[], of: (run: Run) => number) => figure(what, unit, runs.map(of));
  return {
    title: 'Plan',
    note: `${PEER_COUNT} peers, ${chunkCount.toLocaleString('en')} chunks, of the processor's time. Memory: the whole plan half-way, garbage collected.`,
    figures: [
      row(`a chunk, and ${FEW_COUNT} that others gain`, 'µs', few, (run) => run.chunkUs),
      row(`a chunk, and ${GROWER_COUNT} that others gain`, 'µs', all, (run) => run.chunkUs),
      row('a peer with half of all comes and goes', 'ms', all, (run) => run.joinMs),
      row('memory', 'MiB', all, (run) => run.memoryMib),
      row('a chunk, seeds only', 'µs', seeds, (run) => run.chunkUs),
      row('memory, seeds only', 'MiB', seeds, (run) => run.memoryMib),
    ],
  };
}

/** A peer that gains one chunk after the other, in an order of its own that comes to each once. */
interface Grower {
  readonly peer: PlanPeer;
  readonly stride: number;
  unit: number;
}

class Swarm {
  readonly #chunkCount: number;
  readonly #gainCount: number;
  readonly #random: Random;
  readonly #bytesBefore = usedBytes();
  readonly #plan: Plan;
  readonly #peers: PlanPeer[] = [];
  readonly #growers: Grower[] = [];
  readonly #asked: { readonly unit: number; readonly peer: PlanPeer }[] = [];
  #nowMs = 0;
  #turn = 0;

  constructor(chunkCount: number, seed: number, seedCount: number, gainCount: number) {
    this.#chunkCount = chunkCount;
    this.#gainCount = gainCount;
    this.#random = new SimRandom(seed);
    this.#plan = new Plan(new Bitfield(chunkCount), this.#random);
    for (let index = 0; index < PEER_COUNT; index += 1) {
      const peer = this.#plan.join();
      this.#peers.push(peer);
      if (index >= seedCount) this.#addGrower(peer);
      else if (index % 2 === 0) this.#plan.knows(peer, Bitfield.full(chunkCount));
    }
  }

  fetchAll(): Run {
    const half = this.#chunkCount >> 1;
    let spentMs = processorMs(() => this.#fetch(half));
    const memoryMib = (usedBytes() - this.#bytesBefore) / MIB;
    const joinMs = this.#joinMs();
    spentMs += processorMs(() => this.#fetch(0));
    return { chunkUs: (1000 * spentMs) / this.#chunkCount, joinMs, memoryMib };
  }

  /** Goes on until no more than so many are missing. */
  #fetch(missingCount: number): void {
    const plan = this.#plan;
    for (let turn = 0; plan.missingCount > missingCount; turn += 1) {
      const peer = this.#peers[turn % PEER_COUNT] as PlanPeer;
      const unit = plan.next(peer, this.#nowMs);
      if (unit !== undefined) this.#asked.push({ unit, peer });
      if (unit === undefined || this.#asked.length === ASKED_COUNT) this.#landOne();
    }
  }

  #landOne(): void {
    const oldest = this.#asked.shift();
    if (oldest === undefined) return;
    // About as fast as a link of 4 GiB/s brings them.
    this.#nowMs += 1 / 8;
    const isPutOff = this.#random.below(PUT_OFF_EVERY_COUNT) === 0;
    if (isPutOff) this.#plan.failed(oldest.unit, oldest.peer, 'later', this.#nowMs);
    else this.#plan.landed(oldest.unit);
    for (let gain = 0; gain < this.#gainCount; gain += 1) {
      this.#turn += 1;
      const grower = this.#growers[this.#turn % this.#growers.length];
      if (grower === undefined) return;
      grower.unit = (grower.unit + grower.stride) % this.#chunkCount;
      this.#plan.gained(grower.peer, grower.unit);
    }
  }

  #joinMs(): number {
    const units = randomHalf(this.#chunkCount, this.#random);
    return processorMs(() => {
      const peer = this.#plan.join();
      this.#plan.knows(peer, units);
      const unit = this.#plan.next(peer, this.#nowMs);
      if (unit !== undefined) this.#plan.failed(unit, peer, 'gone', this.#nowMs);
      this.#plan.leave(peer);
    });
  }

  #addGrower(peer: PlanPeer): void {
    this.#plan.knows(peer, randomHalf(this.#chunkCount, this.#random));
    let stride = 1 + this.#random.below(this.#chunkCount);
    // Prime to the number of chunks, so that it comes to each.
    while (commonDivisor(stride, this.#chunkCount) !== 1) stride += 1;
    this.#growers.push({ peer, stride, unit: this.#random.below(this.#chunkCount) });
  }
}

function randomHalf(chunkCount: number, random: Random): Bitfield {
  const units = new Bitfield(chunkCount);
  for (let unit = 0; unit < chunkCount; unit += 1) if (random.below(2) === 1) units.add(unit);
  return units;
}

function commonDivisor(left: number, right: number): number {
  return right === 0 ? left : commonDivisor(right, left % right);
}

/** Milliseconds of the processor, user and system, that `work` takes. */
function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Bytes of objects and buffers in use. */
function usedBytes(): number {
  // Twice: the first only lets go of the buffers.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
