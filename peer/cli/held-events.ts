/**
 * The events of a node that fetches first and shares then: what it would say as a sharing peer is held back until the fetch has told
 * its result. What is over by then is not told at all.
 */
import type { NodeEvents } from '../node.js';

export class HeldEvents implements NodeEvents {
  readonly #target: NodeEvents;
  readonly #onServed: (bytes: number) => void;
  #held: (() => void)[] | undefined = [];

  /** `onServed` is told of bytes that others took, from the beginning. */
  constructor(target: NodeEvents, onServed: (bytes: number) => void) {
    this.#target = target;
    this.#onServed = onServed;
  }

  /** Tells what was held back, and everything from now on. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const tell of held) tell();
  }

  registered(...args: Parameters<NodeEvents['registered']>): void {
    this.#tellOrHold(() => this.#target.registered(...args));
  }

  indexed(...args: Parameters<NodeEvents['indexed']>): void {
    this.#tellOrHold(() => this.#target.indexed(...args));
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
    this.#tell(() => this.#target.refused(...args));
  }

  trackerLost(...args: Parameters<NodeEvents['trackerLost']>): void {
    this.#tell(() => this.#target.trackerLost(...args));
  }

  trackerBack(...args: Parameters<NodeEvents['trackerBack']>): void {
    this.#tell(() => this.#target.trackerBack(...args));
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

  #tell(tell: () => void): void {
    if (this.#held === undefined) tell();
  }
}
