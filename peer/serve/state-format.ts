/**
 * What a peer that stays remembers: what it goes on sharing, and how much went to and fro. Nothing else of it outlives the process.
 * Pure: text in, state out. Version 1 is JSON; keys that are not known are ignored.
 */
import { parseFileName } from '../../common/core/file-name.js';
import { isSize } from '../../common/core/manifest.js';
import { type ContentRoot, isContentRoot } from '../../common/core/root.js';
import type { SharePlace } from '../share/share-place.js';

const KIND = 'shoal-peer-state';
const VERSION = 1;

/** Bytes that went out and came in of one content, ever. */
export interface ContentCounts {
  readonly name: string;
  /** `undefined` of what nobody gave a root for. */
  readonly root: ContentRoot | undefined;
  readonly sizeBytes: number;
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
}

export interface Totals {
  /** Of all contents, also those that are not counted one by one any more. */
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  /** Longest unused first. */
  readonly contents: readonly ContentCounts[];
}

export interface ServeState {
  /** Since when it is counted, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** What is shared again after every start. */
  readonly kept: readonly SharePlace[];
  readonly totals: Totals;
}

export function emptyState(nowMs: number): ServeState {
  return { sinceMs: nowMs, kept: [], totals: { uploadedBytes: 0, downloadedBytes: 0, contents: [] } };
}

export function formatState({ sinceMs, kept, totals }: ServeState): string {
  const contents = totals.contents.map(({ name, root, sizeBytes, uploadedBytes, downloadedBytes }) => {
    return { name, root: root ?? null, size: sizeBytes, uploaded: uploadedBytes, downloaded: downloadedBytes };
  });
  const { uploadedBytes: uploaded, downloadedBytes: downloaded } = totals;
  return `${JSON.stringify({ kind: KIND, version: VERSION, since: sinceMs, kept, uploaded, downloaded, contents }, undefined, 1)}\n`;
}

/** The state that a text holds; `undefined` where it is damaged, or of a version that is not known. */
export function parseState(text: string): ServeState | undefined {
  const raw = recordOf(parseJson(text));
  if (raw === undefined || raw['kind'] !== KIND || raw['version'] !== VERSION) return undefined;
  const [sinceMs, uploadedBytes, downloadedBytes] = ['since', 'uploaded', 'downloaded'].map((key) => countOf(raw[key]));
  const kept = listOf(raw['kept'], keptOf);
  const contents = listOf(raw['contents'], countsOf);
  if (sinceMs === undefined || uploadedBytes === undefined || downloadedBytes === undefined) return undefined;
  if (kept === undefined || contents === undefined) return undefined;
  return { sinceMs, kept, totals: { uploadedBytes, downloadedBytes, contents } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function recordOf(raw: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? (raw as Record<string, unknown>) : undefined;
}

/** Every entry read by `read`; `undefined` where it is no list, or one entry is not good. */
function listOf<T>(raw: unknown, read: (entry: Readonly<Record<string, unknown>>) => T | undefined): T[] | undefined {
  if (!Array.isArray(raw)) return undefined;
  const list = raw.map((entry) => {
    const record = recordOf(entry);
    return record === undefined ? undefined : read(record);
  });
  const good = list.filter((entry) => entry !== undefined);
  return good.length === list.length ? good : undefined;
}

function countOf(raw: unknown): number | undefined {
  return isSize(raw) ? raw : undefined;
}

function keptOf({ kind, path, name }: Readonly<Record<string, unknown>>): SharePlace | undefined {
  if ((kind !== 'file' && kind !== 'folder') || typeof path !== 'string' || path === '' || path.includes('\0')) return undefined;
  if (typeof name !== 'string') return undefined;
  try {
    return { kind, path, name: parseFileName(name) };
  } catch {
    return undefined;
  }
}

function countsOf(raw: Readonly<Record<string, unknown>>): ContentCounts | undefined {
  const { name, root } = raw;
  const [sizeBytes, uploadedBytes, downloadedBytes] = ['size', 'uploaded', 'downloaded'].map((key) => countOf(raw[key]));
  if (typeof name !== 'string' || (root !== null && !(typeof root === 'string' && isContentRoot(root)))) return undefined;
  if (sizeBytes === undefined || uploadedBytes === undefined || downloadedBytes === undefined) return undefined;
  return { name, root: root ?? undefined, sizeBytes, uploadedBytes, downloadedBytes };
}
