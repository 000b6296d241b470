/** The statistics as `peer stats --json` prints them, from a running node or from its state. */
import type { ContentCounts, ServeState, Totals } from './state-format.js';

export interface StatsJson extends Pick<Totals, 'uploadedBytes' | 'downloadedBytes'>, Pick<ServeState, 'sinceMs'> {
  readonly contents: readonly (Omit<ContentCounts, 'root'> & { readonly root: string | null })[];
}

/** What was used last comes first. */
export function statsJson({ sinceMs, totals }: ServeState): StatsJson {
  const { uploadedBytes, downloadedBytes, contents } = totals;
  return {
    sinceMs,
    uploadedBytes,
    downloadedBytes,
    contents: contents.toReversed().map(({ root, ...counts }) => ({ ...counts, root: root ?? null })),
  };
}
