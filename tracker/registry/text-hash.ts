/**
 * Hashes of texts, by numbers that nobody else knows: who chooses names or addresses cannot choose where they fall in a table.
 */
import type { Random } from '../../common/ports/random.js';

/** A hash of 32 bits, all of which are good. */
export type TextHash = (text: string, more?: number) => number;

/** `more` is hashed too: the port of an address. */
export function textHash(random: Random): TextHash {
  const start = random.below(2 ** 32);
  // An odd factor loses nothing; a small one would spread little.
  const factor = (random.below(2 ** 31) + 2 ** 31) | 1;
  // One text is mostly asked for several times in a row.
  let [lastText, lastMore, lastHash] = ['', 0, 0];
  return (text, more = 0) => {
    if (more === lastMore && text === lastText && text !== '') return lastHash;
    let hash = start ^ more ^ text.length;
    for (let at = 1; at < text.length; at += 2) {
      hash = Math.imul(hash ^ (text.charCodeAt(at - 1) | (text.charCodeAt(at) << 16)), factor);
      hash ^= hash >>> 15;
    }
    if ((text.length & 1) === 1) hash = Math.imul(hash ^ text.charCodeAt(text.length - 1), factor);
    hash = Math.imul(hash ^ (hash >>> 13), factor);
    lastText = text;
    lastMore = more;
    lastHash = hash ^ (hash >>> 16);
    return lastHash;
  };
}
