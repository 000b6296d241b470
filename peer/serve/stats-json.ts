/** The statistics as `peer stats --json` prints them, from a running node or from its state. */
import type { Json } from './control-protocol.js';
import type { ServeState } from './state-format.js';

/** What was used last comes first. */
export function statsJson({ sinceMs, totals }: ServeState): Json {
  const { uploadedBytes, downloadedBytes, contents } = totals;
  return {
    sinceMs,
    uploadedBytes,
    downloadedBytes,
    contents: contents.toReversed().map(({ root, ...counts }) => ({ ...counts, root: root ?? null })),
  };
}
