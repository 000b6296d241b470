/**
 * What went out and came in, of each content and in all, ever; and how fast it goes now.
 *
 * Contents that nothing was heard of for the longest time make room for new ones; the totals keep their bytes.
 * Invariant: the totals are at least the sums over the contents.
 */
import { STATISTICS_CONTENTS_MAX_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ContentCounts, Totals } from './state-format.js';

/** Milliseconds over which the present rate of a content is told: twice this at most. */
const RATE_SLOT_MS = 5000;

export interface CountedContent {
  readonly name: string;
  readonly root: ContentRoot | undefined;
  readonly sizeBytes: number;
}

/** A content of which bytes go out now. */
export interface Upload extends CountedContent {
  readonly bytesPerSecond: number;
}

interface Counts extends CountedContent {
  uploadedBytes: number;
  downloadedBytes: number;
  /** Bytes that went out in the slot of time that runs, and in the one before. */
  slot: number;
  slotBytes: number;
  formerBytes: number;
}

export class Statistics {
  /** Longest unused first. */
  readonly #contents = new Map<string, Counts>();
  #uploadedBytes: number;
  #downloadedBytes: number;

  constructor({ uploadedBytes, downloadedBytes, contents }: Totals) {
    this.#uploadedBytes = uploadedBytes;
    this.#downloadedBytes = downloadedBytes;
    for (const content of contents.slice(-STATISTICS_CONTENTS_MAX_COUNT)) this.#contents.set(keyOf(content), startOf(content));
  }

  /** Others took `bytes` of a content. */
  uploaded(content: CountedContent, bytes: number, nowMs: number): void {
    const counts = this.#of(content);
    this.#uploadedBytes += bytes;
    counts.uploadedBytes += bytes;
    turnSlots(counts, nowMs);
    counts.slotBytes += bytes;
  }

  /** `bytes` of a content came in, and were right. */
  downloaded(content: CountedContent, bytes: number): void {
    this.#downloadedBytes += bytes;
    this.#of(content).downloadedBytes += bytes;
  }

  /** What goes out now, the fastest first. */
  uploads(nowMs: number): Upload[] {
    const uploads: Upload[] = [];
    for (const counts of this.#contents.values()) {
      turnSlots(counts, nowMs);
      const bytes = counts.slotBytes + counts.formerBytes;
      const spanMs = RATE_SLOT_MS + (nowMs % RATE_SLOT_MS);
      const { name, root, sizeBytes } = counts;
      if (bytes > 0) uploads.push({ name, root, sizeBytes, bytesPerSecond: Math.round((bytes * 1000) / spanMs) });
    }
    return uploads.sort((left, right) => right.bytesPerSecond - left.bytesPerSecond);
  }

  get totals(): Totals {
    const contents = [...this.#contents.values()].map(
      ({ name, root, sizeBytes, uploadedBytes, downloadedBytes }): ContentCounts => {
        return { name, root, sizeBytes, uploadedBytes, downloadedBytes };
      },
    );
    return { uploadedBytes: this.#uploadedBytes, downloadedBytes: this.#downloadedBytes, contents };
  }

  #of(content: CountedContent): Counts {
    const key = keyOf(content);
    const found = this.#contents.get(key) ?? startOf({ ...content, uploadedBytes: 0, downloadedBytes: 0 });
    this.#contents.delete(key);
    this.#contents.set(key, found);
    if (this.#contents.size > STATISTICS_CONTENTS_MAX_COUNT) {
      for (const oldest of this.#contents.keys()) {
        this.#contents.delete(oldest);
        break;
      }
    }
    return found;
  }
}

function keyOf({ name, root }: CountedContent): string {
  return root ?? `name ${name}`;
}

function startOf(content: ContentCounts): Counts {
  return { ...content, slot: 0, slotBytes: 0, formerBytes: 0 };
}

function turnSlots(counts: Counts, nowMs: number): void {
  const slot = Math.floor(nowMs / RATE_SLOT_MS);
  if (slot === counts.slot) return;
  counts.formerBytes = slot === counts.slot + 1 ? counts.slotBytes : 0;
  counts.slotBytes = 0;
  counts.slot = slot;
}
