/**
 * Cookies: whoever sends one back was really reached at the address that it claims to have.
 *
 * A cookie is the first 8 bytes of HMAC-SHA256, under a secret drawn at the start, of the address, its port and a slot of time; so
 * nothing need be kept of those who only ask. Those who proved themselves are remembered while their cookie is good, which saves the
 * computation. Invariant: at most INDEX_COOKIES_KEPT_COUNT are remembered of each of two slots.
 */
import { INDEX_COOKIE_SLOT_MS, INDEX_COOKIES_KEPT_COUNT } from '../../common/core/limits.js';
import { hmacSha256 } from '../../common/node/hash.js';
import type { Random } from '../../common/ports/random.js';

const SECRET_BYTES = 32;

export class CookieJar {
  readonly #secret: Uint8Array;
  #slot = 0;
  #current = new Map<string, string>();
  #last = new Map<string, string>();

  constructor(random: Random) {
    this.#secret = Uint8Array.from({ length: SECRET_BYTES }, () => random.below(256));
  }

  /** The cookie for an address and its port, in one text. */
  cookieFor(address: string, nowMs: number): string {
    this.#turnTo(nowMs);
    return this.#compute(address, this.#slot);
  }

  /** Whether it is a cookie that this address has proved itself with before: costs next to nothing. */
  isKnown(address: string, cookie: string, nowMs: number): boolean {
    this.#turnTo(nowMs);
    return isSame(this.#current.get(address), cookie) || isSame(this.#last.get(address), cookie);
  }

  /** Whether it is this address's cookie of this slot or the last, which is then remembered. */
  prove(address: string, cookie: string, nowMs: number): boolean {
    this.#turnTo(nowMs);
    for (const [kept, slot] of [
      [this.#current, this.#slot],
      [this.#last, this.#slot - 1],
    ] as const) {
      if (!isSame(this.#compute(address, slot), cookie)) continue;
      if (kept.size < INDEX_COOKIES_KEPT_COUNT) kept.set(address, cookie);
      return true;
    }
    return false;
  }

  #turnTo(nowMs: number): void {
    const slot = Math.floor(nowMs / INDEX_COOKIE_SLOT_MS);
    if (slot === this.#slot) return;
    this.#last = slot === this.#slot + 1 ? this.#current : new Map();
    this.#current = new Map();
    this.#slot = slot;
  }

  #compute(address: string, slot: number): string {
    return Buffer.from(hmacSha256(this.#secret, `${address} ${slot}`)).toString('hex', 0, 8);
  }
}

/** Compares in a time that does not tell where the two differ. */
function isSame(expected: string | undefined, given: string): boolean {
  if (expected === undefined || expected.length !== given.length) return false;
  let difference = 0;
  for (let at = 0; at < expected.length; at += 1) difference |= expected.charCodeAt(at) ^ given.charCodeAt(at);
  return difference === 0;
}
