/**
 * The peers: found by address, in the order in which they became known, and each with a small number while it is known.
 *
 * Invariant: a peer is found by its address and by its slot from `add` to `remove`.
 */
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Random } from '../../common/ports/random.js';
import { ListColumn, RowIds } from './columns.js';
import { EntryTable } from './entry-table.js';
import type { Peer } from './peer.js';
import { PeerOrder } from './peer-order.js';
import { textHash } from './text-hash.js';

export class PeerTable {
  readonly #byAddress: EntryTable<PeerAddress>;
  readonly #bySlot = new ListColumn<Peer | undefined>(undefined);
  readonly #slots = new RowIds();
  readonly #order = new PeerOrder();
  #lastSerial = 0;
  #count = 0;

  constructor({ random }: { readonly random: Random }) {
    const hash = textHash(random);
    this.#byAddress = new EntryTable({
      hashOf: ({ ip, port }) => hash(ip, port),
      isOf: (slot, { ip, port }) => {
        const { address } = this.at(slot);
        return address.port === port && address.ip === ip;
      },
    });
  }

  get count(): number {
    return this.#count;
  }

  find(address: PeerAddress): Peer | undefined {
    const slot = this.#byAddress.get(address);
    return slot === 0 ? undefined : this.at(slot);
  }

  /** The peer of a slot, which there must be. */
  at(slot: number): Peer {
    return this.#bySlot.get(slot) as Peer;
  }

  /** The first peer behind a serial number, or `undefined`; 0 begins. */
  after(serial: number): Peer | undefined {
    return this.#order.after(serial);
  }

  add(peer: Peer): void {
    this.#lastSerial += 1;
    peer.serial = this.#lastSerial;
    peer.slot = this.#slots.take();
    this.#bySlot.set(peer.slot, peer);
    this.#byAddress.update(peer.address, () => peer.slot);
    this.#order.add(peer);
    this.#count += 1;
  }

  remove(peer: Peer): void {
    this.#byAddress.update(peer.address, () => 0);
    this.#bySlot.set(peer.slot, undefined);
    this.#slots.giveBack(peer.slot);
    peer.isGone = true;
    this.#order.remove(peer);
    this.#count -= 1;
  }
}
