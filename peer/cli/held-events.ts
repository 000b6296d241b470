/**
 * The events of a node that fetches first and shares then: what it would say as a sharing peer is held back until the fetch has told
 * its result. What is over by then is not told at all.
 */
import { formatHostPort } from '../../common/core/peer-address.js';
import type { NodeEvents } from '../node.js';

export class HeldEvents implements NodeEvents {
  readonly #target: NodeEvents;
  readonly #onServed: (bytes: number) => void;
  #held: (() => void)[] | undefined = [];
  /** Of what is held, what is to be told first: what is shared, before where it is registered. */
  #indexed: (() => void)[] = [];
  /** Trackers that are lost, by address. */
  readonly #lost = new Map<string, () => void>();

  /** `onServed` is told of bytes that others took, from the beginning. */
  constructor(target: NodeEvents, onServed: (bytes: number) => void) {
    this.#target = target;
    this.#onServed = onServed;
  }

  /** Tells what was held back, and everything from now on. */
  release(): void {
    const held = [...this.#indexed, ...(this.#held ?? []), ...this.#lost.values()];
    this.#held = undefined;
    this.#indexed = [];
    this.#lost.clear();
    for (const tell of held) tell();
  }

  registered(...args: Parameters<NodeEvents['registered']>): void {
    this.#tellOrHold(() => this.#target.registered(...args));
  }

  indexed(...args: Parameters<NodeEvents['indexed']>): void {
    if (this.#held === undefined) this.#target.indexed(...args);
    else this.#indexed.push(() => this.#target.indexed(...args));
  }

  changed(...args: Parameters<NodeEvents['changed']>): void {
    this.#tellOrHold(() => this.#target.changed(...args));
  }

  scanned(...args: Parameters<NodeEvents['scanned']>): void {
    this.#target.scanned(...args);
  }

  hashed(...args: Parameters<NodeEvents['hashed']>): void {
    this.#target.hashed(...args);
  }

  refused(...args: Parameters<NodeEvents['refused']>): void {
    this.#tellOrHold(() => this.#target.refused(...args));
  }

  trackerLost(...args: Parameters<NodeEvents['trackerLost']>): void {
    if (this.#held === undefined) this.#target.trackerLost(...args);
    else this.#lost.set(formatHostPort(args[0]), () => this.#target.trackerLost(...args));
  }

  trackerBack(...args: Parameters<NodeEvents['trackerBack']>): void {
    if (this.#held === undefined) this.#target.trackerBack(...args);
    else this.#lost.delete(formatHostPort(args[0]));
  }

  served(...args: Parameters<NodeEvents['served']>): void {
    this.#onServed(args[1]);
    this.#target.served(...args);
  }

  readonly note = (text: string): void => this.#target.note(text);

  #tellOrHold(tell: () => void): void {
    if (this.#held === undefined) tell();
    else this.#held.push(tell);
  }
}
