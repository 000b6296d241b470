/** How a fetcher makes itself known to the peers that it asks. */
import type { Random } from '../../common/ports/random.js';

/** What a fetcher says of itself when it asks what a peer has. */
export interface Introduction {
  /** Where it serves the content too; missing where it does not. */
  readonly port?: number;
  /** 16 hex digits, by which a process knows itself. */
  readonly id?: string;
}

/** An `id` that no other process is likely to have. */
export function drawProcessId(random: Random): string {
  return Array.from({ length: 16 }, () => random.below(16).toString(16)).join('');
}
