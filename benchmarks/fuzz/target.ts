/**
 * What is fuzzed: a target makes inputs by its grammar and judges any bytes, also those that no grammar makes.
 *
 * A judge says what became of an input, or throws: then a law is broken, and the input is a find. It keeps nothing of an input, so that
 * inputs are judged alike in any order and one that is replayed alone does what it did.
 */
import { type ErrorCode, ShoalError } from '../../common/core/errors.js';
import type { SimRandom } from '../../common/sim/sim-random.js';

export interface Judge {
  /** `ok`, or the code with which the input was refused; of several parts, each. Throws where a law is broken. The input is not changed. */
  judge(input: Uint8Array): string | Promise<string>;
  /** Between batches: whoever is honest is still served. Throws where not. */
  settle?(): Promise<void>;
  close?(): Promise<void>;
}

export interface Target {
  /** In kebab-case; the folder of its corpus. */
  readonly name: string;
  /** Inputs are cut to this. */
  readonly inputMaxBytes: number;
  /** Words of the format, for the mutator. */
  readonly tokens: readonly string[];
  /** Inputs of one run of the tests. */
  readonly testCount: number;
  /** Inputs of a run by command that is not told how many. */
  readonly heldToCount: number;
  /** An input that is right, or nearly. */
  generate(random: SimRandom): Uint8Array;
  open(): Judge | Promise<Judge>;
}

/** A law that does not hold: what the fuzzer looks for. */
export class BrokenLaw extends Error {
  override readonly name = 'BrokenLaw';
}

/** Throws `BrokenLaw` unless it holds. */
export function law(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenLaw(what);
}

/** What two ways to the same thing say. */
export function same(left: unknown, right: unknown, what: string): void {
  if (left === right) return;
  const [one, other] = [textOf(left), textOf(right)];
  if (one !== other) throw new BrokenLaw(`${what}: ${one.slice(0, 2000)}\n  and: ${other.slice(0, 2000)}`);
}

/** A value as text that is equal exactly for equal values: also numbers that JSON has no word for, bytes, maps and big integers. */
function textOf(value: unknown): string {
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key: string) {
    // Not what `toJSON` made of it.
    const part = this[key];
    if (part instanceof Map) return { map: [...part] };
    if (part instanceof Uint8Array) return { bytes: Buffer.from(part).toString('hex') };
    if (typeof part === 'bigint') return { big: String(part) };
    if (typeof part === 'number' && (!Number.isFinite(part) || Object.is(part, -0)))
      return { number: Object.is(part, -0) ? '-0' : String(part) };
    return part === undefined ? { none: true } : part;
  });
}

/** `ok`, or the code that `read` throws, which must be one of `codes`: everything else is passed on as a find. */
export function verdictOf(codes: readonly ErrorCode[], read: () => unknown): string {
  try {
    read();
    return 'ok';
  } catch (error) {
    if (error instanceof ShoalError && codes.includes(error.code)) {
      law(error.message.length <= 2 * 20_000, 'an error is about as long as what it tells of');
      return error.code;
    }
    throw error;
  }
}

/** Looked up once: within a test a global costs as much as the sum of a line. */
const { imul } = Math;

/** FNV-1a, so the same for the same bytes: 32 bits that chance of its own can be made of, so that a judge needs no state to cut an input somewhere. */
export function seedOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at += 1) hash = imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash >>> 0;
}

/** Bytes as text, without a copy before. What is not UTF-8 becomes U+FFFD, as where a file is read. */
export function looseText(input: Uint8Array): string {
  return Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('utf8');
}
