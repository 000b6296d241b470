/**
 * What peers told of contents beyond name, size and root: media type and checksum, the last told. Most contents have neither, and many
 * have the same type, so both stand beside the contents and not in them.
 */
import { SplitMap } from './split-map.js';

export interface Details {
  readonly type: string | undefined;
  readonly checksum: string | undefined;
}

/** Different types of which one text is kept for all that have it. Stranger ones are kept with each. */
const SHARED_TYPES_MAX_COUNT = 1000;

/** Rows are numbers in a row. */
const rowHash = (content: number): number => content;

export class ContentDetails {
  readonly #types = new SplitMap<number, string>(rowHash);
  readonly #checksums = new SplitMap<number, string>(rowHash);
  readonly #shared = new Map<string, string>();

  has(content: number): boolean {
    return this.#types.has(content) || this.#checksums.has(content);
  }

  get(content: number): Details {
    const checksum = this.#checksums.get(content);
    return { type: this.#types.get(content), checksum: checksum === undefined ? undefined : unpacked(checksum) };
  }

  /** Keeps what is told; what is not told stays. */
  tell(content: number, type: string | undefined, checksum: string | undefined): void {
    if (type !== undefined && this.#types.get(content) !== type) this.#types.set(content, this.#share(type));
    if (checksum !== undefined) this.#checksums.set(content, packed(checksum));
  }

  forget(content: number): void {
    if (this.#types.size > 0) this.#types.delete(content);
    if (this.#checksums.size > 0) this.#checksums.delete(content);
  }

  #share(type: string): string {
    const known = this.#shared.get(type);
    if (known !== undefined) return known;
    const own = Buffer.from(type).toString('latin1');
    if (this.#shared.size < SHARED_TYPES_MAX_COUNT) this.#shared.set(own, own);
    return own;
  }
}

/** `<alg>:<hex>` with two digits in each character; a text of its own. An odd number of digits stays as it is. */
function packed(checksum: string): string {
  const colon = checksum.indexOf(':');
  const hex = checksum.slice(colon + 1);
  if (hex.length % 2 !== 0) return Buffer.from(`=${checksum}`).toString('latin1');
  return Buffer.concat([Buffer.from(checksum.slice(0, colon + 1)), Buffer.from(hex, 'hex')]).toString('latin1');
}

function unpacked(text: string): string {
  if (text.startsWith('=')) return text.slice(1);
  const colon = text.indexOf(':');
  return text.slice(0, colon + 1) + Buffer.from(text.slice(colon + 1), 'latin1').toString('hex');
}
