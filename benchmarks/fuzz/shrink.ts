/** Makes an input that fails smaller, so that a person sees what it is about. */

/** Tries in all: enough for a line, and a bound for a server that needs milliseconds for each. */
const TRIES_MAX_COUNT = 400;

/** The smallest input found that still fails: pieces are left out as long as that is so, large ones first. */
export async function shrink(input: Uint8Array, fails: (candidate: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  let smallest = input;
  let triesLeft = TRIES_MAX_COUNT;
  for (let pieceBytes = smallest.length >> 1; pieceBytes >= 1; pieceBytes >>= 1) {
    for (let at = 0; at < smallest.length && triesLeft > 0; ) {
      triesLeft -= 1;
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + pieceBytes)]);
      if (await fails(candidate)) smallest = candidate;
      else at += pieceBytes;
    }
  }
  return Uint8Array.from(smallest);
}
