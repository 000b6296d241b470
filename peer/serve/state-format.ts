/**
 * What a peer that stays remembers: what it goes on sharing, and how much went to and fro. Nothing else of it outlives the process.
 * Pure: text in, state out. Version 1 is JSON; keys that are not known are ignored.
 */
import { parseFileName } from '../../common/core/file-name.js';
import { isSize } from '../../common/core/manifest.js';
import { type ContentRoot, isContentRoot } from '../../common/core/root.js';
import type { DamageRecord } from '../scrub/damage-ledger.js';
import type { ScrubPlace } from '../scrub/scrubber.js';
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

/** How far the peer is with looking for damage. */
export interface ScrubState {
  /** When the last look began, in milliseconds since 1970; 0 before the first. */
  readonly startedMs: number;
  /** Where it goes on; `null` where it has come to its end. */
  readonly at: ScrubPlace | null;
  readonly damage: readonly DamageRecord[];
}

export interface ServeState {
  /** Since when it is counted, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** What is shared again after every start. */
  readonly kept: readonly SharePlace[];
  readonly totals: Totals;
  readonly scrub: ScrubState;
}

const NO_SCRUB: ScrubState = { startedMs: 0, at: null, damage: [] };

export function emptyState(nowMs: number): ServeState {
  return { sinceMs: nowMs, kept: [], totals: { uploadedBytes: 0, downloadedBytes: 0, contents: [] }, scrub: NO_SCRUB };
}

export function formatState({ sinceMs, kept, totals, scrub: { startedMs, at, damage } }: ServeState): string {
  const contents = totals.contents.map(({ name, root, sizeBytes, uploadedBytes, downloadedBytes }) => {
    return { name, root: root ?? null, size: sizeBytes, uploaded: uploadedBytes, downloaded: downloadedBytes };
  });
  const { uploadedBytes: uploaded, downloadedBytes: downloaded } = totals;
  const scrub = { started: startedMs, at, damage: damage.map(damageJson) };
  return `${JSON.stringify({ kind: KIND, version: VERSION, since: sinceMs, kept, uploaded, downloaded, contents, scrub }, undefined, 1)}\n`;
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
  // States of old have none.
  const scrub = raw['scrub'] === undefined ? NO_SCRUB : scrubOf(recordOf(raw['scrub']));
  if (scrub === undefined) return undefined;
  return { sinceMs, kept, totals: { uploadedBytes, downloadedBytes, contents }, scrub };
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

function scrubOf(raw: Readonly<Record<string, unknown>> | undefined): ScrubState | undefined {
  if (raw === undefined) return undefined;
  const startedMs = countOf(raw['started']);
  const damage = listOf(raw['damage'], damageOf);
  const place = recordOf(raw['at']);
  const [name, chunkIndex] = [place?.['name'], countOf(place?.['chunkIndex'])];
  const at = typeof name === 'string' && chunkIndex !== undefined ? { name, chunkIndex } : null;
  if (startedMs === undefined || damage === undefined || (at === null && raw['at'] !== null)) return undefined;
  return { startedMs, at, damage };
}

/** What JSON has no numbers for goes as text. */
function damageJson({ path, root, identity, chunks }: DamageRecord) {
  const { dev, ino, sizeBytes, mtimeNs } = identity;
  return { path, root, dev: String(dev), ino: String(ino), size: sizeBytes, mtimeNs: String(mtimeNs), chunks };
}

function damageOf(raw: Readonly<Record<string, unknown>>): DamageRecord | undefined {
  const { path, root, chunks } = raw;
  const [dev, ino, mtimeNs] = ['dev', 'ino', 'mtimeNs'].map((key) => bigOf(raw[key]));
  const sizeBytes = countOf(raw['size']);
  if (typeof path !== 'string' || typeof root !== 'string' || !isContentRoot(root) || sizeBytes === undefined) return undefined;
  if (dev === undefined || ino === undefined || mtimeNs === undefined || !Array.isArray(chunks)) return undefined;
  const indexes = chunks.map(countOf).filter((chunkIndex) => chunkIndex !== undefined);
  if (indexes.length !== chunks.length) return undefined;
  return { path, root, identity: { dev, ino, sizeBytes, mtimeNs }, chunks: indexes };
}

function bigOf(raw: unknown): bigint | undefined {
  return typeof raw === 'string' && /^-?\d{1,20}$/.test(raw) ? BigInt(raw) : undefined;
}
