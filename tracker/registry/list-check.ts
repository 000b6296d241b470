/**
 * What is registered of one peer, held against the list that it gives of itself while others go on registering.
 *
 * Invariant: `#unseen` holds registrations from before the check began; ids may have gone, or stand for another one since, which `isOf`
 * and the tick tell.
 */
import type { SharedRow } from '../../common/wire/peer-documents.js';
import type { Peer } from './peer.js';
import { type Records, ticks } from './records.js';

export class ListCheck {
  readonly #records: Records;
  readonly #peer: Peer;
  readonly #beganTick: number;
  readonly #unseen = new Set<number>();

  constructor(records: Records, peer: Peer, beganTick: number) {
    this.#records = records;
    this.#peer = peer;
    this.#beganTick = beganTick;
    for (const holding of peer.holdings) if (this.#isOlder(holding)) this.#unseen.add(holding);
  }

  /** The peer lists this. A registration without a root stands for whatever has its name and size. */
  saw({ name, sizeBytes, root }: Pick<SharedRow, 'name' | 'sizeBytes' | 'root'>): void {
    const { contents } = this.#records;
    if (this.#peer.isGone) return;
    for (const known of [root, undefined]) {
      const content = contents.find({ name, sizeBytes, root: known });
      if (content !== 0) this.#unseen.delete(contents.holdingBy(content, this.#peer.slot));
    }
  }

  /** That was all of its list. Forgets what was not in it and not registered since; gives how many registrations that were. */
  withdrawUnseen(nowMs: number): number {
    let liveCount = 0;
    for (const holding of this.#unseen) {
      if (this.#peer.isGone) break;
      if (!this.#records.holdings.isOf(holding, this.#peer) || !this.#isOlder(holding)) continue;
      if (this.#records.withdraw(holding, ticks(nowMs))) liveCount += 1;
    }
    return liveCount;
  }

  /** Whether it was last registered before the check began: what came since may have come behind the page that would name it. */
  #isOlder(holding: number): boolean {
    return this.#records.holdings.tick.get(holding) < this.#beganTick;
  }
}
