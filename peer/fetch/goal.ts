/**
 * From a goal, a content with everything needed to fetch it, to the final name:
 *
 *     is it there already? ──► check the part ──► download ──► publish
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { readWholeFile } from '../../common/node/disk-work.js';
import { hashFileRoot } from '../hash/file-root.js';
import type { PartCheck } from '../store/part-check.js';
import { partPaths } from '../store/part-paths.js';
import { PartStore } from '../store/part-store.js';
import type { Catalog } from './catalog.js';
import { untilRoom } from './disk-room.js';
import type { DownloadReport } from './download-options.js';
import type { FetchResult } from './fetch-events.js';
import { isFolderThere } from './fetch-folder.js';
import type { FetchSession } from './fetch-session.js';
import { downloadGoal } from './goal-download.js';
import { KnownPeers } from './known-peers.js';
import { makeNamesLast, tidyUp } from './left-undone.js';
import { Offer, type OfferedFolder } from './offer.js';
import { checkFreeSpace, inspectTarget } from './target.js';

/** Milliseconds between two events that tell how far a check is: it goes through a fast disk in hundreds of steps a second. */
const CHECK_PROGRESS_MS = 250;

/** Bytes of a file that is looked at for being a folder's index: that of some hundred thousand files. */
const INDEX_LOOK_MAX_BYTES = 16 * 1024 * 1024;

const WHAT_IS_THERE = {
  file: 'exists, is a file, and is not what you asked for',
  folder: 'exists, is a folder, and is not what you asked for',
  symlink: 'is a symbolic link',
  other: 'is no ordinary file',
};

/** A content with everything needed to fetch it. */
export interface Goal {
  readonly name: FileName;
  readonly root: ContentRoot | undefined;
  readonly catalog: Catalog;
  /** `undefined` for a single file. */
  readonly folder: OfferedFolder | undefined;
  readonly isVerified: boolean;
  readonly target: string;
  readonly peers: KnownPeers;
}

/** Whether the target is the goal already, byte for byte. Throws `TARGET_EXISTS` where something else is that may not be replaced. */
export async function isGoalThere(session: FetchSession, { target, root, catalog, folder }: Goal): Promise<boolean> {
  const isFolder = folder !== undefined;
  const state = await inspectTarget(session.ports.disk, target);
  if (state.kind === 'absent') return false;
  const isSameKind = state.kind === (isFolder ? 'folder' : 'file');
  let what = WHAT_IS_THERE[state.kind];
  if (root !== undefined && isSameKind) {
    const isSame = isFolder ? await isSameFolder(session, target, catalog) : await isSameFile(session, target, root, catalog);
    if (isSame === true) return true;
    if (isSame === undefined) what = 'exists and cannot be read, so nobody can say whether it is what you asked for';
  }
  // A file takes the place of a symlink as of a file: by a rename, which does not follow it. What else is there is not ours to replace.
  const isReplaceable = isFolder ? state.kind === 'folder' : state.kind === 'file' || state.kind === 'symlink';
  if (session.options.isOverwrite && isReplaceable) return false;
  const advice = isSameKind ? 'choose another --out, or replace it with --overwrite' : 'choose another --out';
  throw new ShoalError('TARGET_EXISTS', 'environment', `${target} ${what}; ${advice}.`);
}

function isSameFolder(session: FetchSession, target: string, catalog: Catalog): Promise<boolean> {
  return isFolderThere(session.ports, target, catalog, checkProgress(session, catalog.totalBytes));
}

/** Whether a file is the content, byte for byte; `undefined` where it cannot be read. */
export async function isSameFile(
  session: FetchSession,
  target: string,
  root: ContentRoot,
  catalog: Catalog,
): Promise<boolean | undefined> {
  const state = await inspectTarget(session.ports.disk, target);
  if (state.kind !== 'file' || state.sizeBytes !== catalog.totalBytes) return false;
  const hashName = catalog.files[0]?.hashName ?? 'blake3';
  const onProgress = checkProgress(session, state.sizeBytes);
  const found = await hashFileRoot(session.ports.pool, target, state.sizeBytes, hashName, onProgress);
  return found === undefined ? undefined : found === root;
}

/** Shows how far a check is, a few times a second and at its end, and ends it where the fetch is to stop. */
function checkProgress(session: FetchSession, totalBytes: number): (doneBytes: number) => void {
  const { onEvent, signal } = session.options;
  const { clock } = session.ports;
  session.phase('check', 'checking what is there already', totalBytes);
  let toldMs = clock.nowMs();
  return (doneBytes) => {
    signal.throwIfAborted();
    if (doneBytes < totalBytes && clock.nowMs() - toldMs < CHECK_PROGRESS_MS) return;
    toldMs = clock.nowMs();
    onEvent({ event: 'progress', phase: 'check', doneBytes, totalBytes, peers: 0 });
  };
}

/** Throws `IO` where it cannot be said that what is there will be there after a power cut. */
export async function reportThere(session: FetchSession, goal: Goal): Promise<FetchResult> {
  await makeNamesLast(session.ports.disk, goal);
  await tidyUp(session, goal).catch(() => undefined);
  return result(session, goal, { fetchedBytes: 0, wastedBytes: 0, peers: [] }, 0, true);
}

export async function fetchGoal(session: FetchSession, goal: Goal, isIndex = false): Promise<FetchResult> {
  // What cannot be told from another content chunk by chunk comes from one peer at a time, and never half from each.
  const isMixable =
    goal.folder !== undefined ||
    (goal.catalog.files.every((file) => file.hashes !== undefined || file.sizeBytes <= CHUNK_BYTES) && goal.isVerified);
  if (isMixable) return fetchFrom(session, goal, goal.peers, true, isIndex);
  const why = goal.root === undefined ? 'no peer gives a root' : 'no peer gives a manifest; the whole is checked at the end';
  session.options.onEvent({ event: 'unverified', reason: why });
  let last: ShoalError | undefined;
  for (let index = 0; ; index += 1) {
    const peer = await session.abortable(goal.peers.at(index));
    if (peer === undefined) break;
    try {
      return await fetchFrom(session, goal, new KnownPeers([peer]), false, isIndex);
    } catch (error) {
      last = asShoalError(error);
      if (last.code !== 'NETWORK' && last.code !== 'VERIFY_FAILED') throw last;
    }
  }
  throw last ?? new ShoalError('NETWORK', 'remote', 'No peer is left.');
}

async function fetchFrom(
  session: FetchSession,
  goal: Goal,
  peers: KnownPeers,
  isMixable: boolean,
  isIndex: boolean,
): Promise<FetchResult> {
  const { isFresh, onEvent, isOverwrite } = session.options;
  const { root, catalog } = goal;
  const paths = partPaths(goal.target, root ?? '-');
  const isFolder = goal.folder !== undefined;
  const store = await PartStore.open(session.ports, { paths, root: root ?? '-', name: goal.name, isFolder });
  let isEmpty = () => false;
  let offer: Offer | undefined;
  try {
    const isStartingAfresh = isFresh || !isMixable;
    if (isStartingAfresh) await store.discard();
    const check = await checkPart(session, goal, store, isStartingAfresh);
    const { had, damagedCount } = check;
    isEmpty = () => had.count === 0 && damagedCount === 0;
    let resumedBytes = 0;
    for (const [first, count] of had.runs()) resumedBytes += catalog.bytesOf(first, count);
    if (resumedBytes > 0 || damagedCount > 0) {
      onEvent({ event: 'resumed', bytes: resumedBytes, chunks: had.count, damaged: damagedCount });
    }
    await checkFreeSpace(session.ports.disk, paths.folder, catalog.totalBytes - resumedBytes);
    session.phase('fetch', goal.name, catalog.totalBytes, resumedBytes);
    const hashes = isMixable ? undefined : new Uint8Array(catalog.unitCount * HASH_BYTES);
    offer = isMixable && !isIndex ? offerOf(session, goal, store, check) : undefined;
    const onLanded = (unit: number, hash: Uint8Array) => {
      hashes?.set(hash, unit * HASH_BYTES);
      offer?.landed(unit, hash);
    };
    const isSwarm = isMixable && !isIndex;
    const { folder } = paths;
    const report = await downloadGoal(session, goal, { store, had, folder, peers, isMixable, isSwarm, onLanded });
    session.phase('finish', 'making it last');
    if (hashes !== undefined && root !== undefined) await checkRoot(session, root, catalog, hashes, store);
    if (!isFolder && !isIndex && catalog.files[0]?.hashes === undefined) await refuseFolderIndex(session, goal, store);
    const publish = () => store.publish(isOverwrite || isIndex);
    await publish().catch((error: unknown) => untilRoom(session, { error, folder, tryOut: publish }));
    await offer?.finish(goal.target);
    return result(session, goal, report, resumedBytes, false);
  } catch (error) {
    // Nothing to go on with: nothing is left lying around.
    if (isEmpty()) await store.discard().catch(() => undefined);
    throw error;
  } finally {
    offer?.close();
    await store.close();
  }
}

/** Serves what is fetched while it is, where this node serves and the content can be named. */
function offerOf(
  session: FetchSession,
  { name, root, catalog, folder }: Goal,
  store: PartStore,
  { had, foundHashes }: PartCheck,
): Offer | undefined {
  const { offering } = session.ports;
  if (offering === undefined || root === undefined) return undefined;
  return new Offer(offering, { name, root, catalog, had, foundHashes, folder, pathOf: (index) => store.pathOf(index) });
}

/** What an earlier run left that is right. */
function checkPart(session: FetchSession, { catalog }: Goal, store: PartStore, isFresh: boolean) {
  return store.begin(catalog, isFresh, session.ports.pool, checkProgress(session, catalog.totalBytes));
}

/** For a content whose hashes were not known before: whether the whole is what the root names. */
async function checkRoot(
  session: FetchSession,
  root: ContentRoot,
  catalog: Catalog,
  hashes: Uint8Array,
  store: PartStore,
): Promise<void> {
  const { pool } = session.ports;
  const sizeBytes = catalog.totalBytes;
  if ((await pool.root({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, 'blake3')) === root) return;
  // A root does not say which hash function made it.
  if ((await hashFileRoot(pool, store.pathOf(0), sizeBytes, 'sha256')) === root) return;
  await store.discard();
  throw new ShoalError('VERIFY_FAILED', 'remote', 'What the peer sent is not what the root names; it was thrown away.');
}

/** A folder that no peer gives the manifest of looks like a file, and what its root names is its index: nobody wants that in its place. */
async function refuseFolderIndex({ ports }: FetchSession, { root, catalog }: Goal, store: PartStore): Promise<void> {
  if (catalog.totalBytes === 0 || catalog.totalBytes > INDEX_LOOK_MAX_BYTES) return;
  const bytes = await readWholeFile(ports.disk, store.pathOf(0), INDEX_LOOK_MAX_BYTES);
  const isIndex = await ports.pool.readFolder(bytes ?? new Uint8Array()).then(
    () => true,
    () => false,
  );
  if (!isIndex) return;
  await store.discard();
  const message = `@${root} is a folder, and no peer that answers gives its manifest. Try again when another one is there.`;
  throw new ShoalError('NOT_FOUND', 'remote', message);
}

function result(
  session: FetchSession,
  goal: Goal,
  report: DownloadReport,
  resumedBytes: number,
  isAlreadyThere: boolean,
): FetchResult {
  return {
    path: goal.target,
    name: goal.name,
    root: goal.root ?? null,
    type: goal.folder === undefined ? 'file' : 'folder',
    files: goal.catalog.files.length,
    size: goal.catalog.totalBytes,
    verified: goal.isVerified,
    isAlreadyThere,
    durationMs: session.ports.clock.nowMs() - session.startedMs,
    resumedBytes,
    ...report,
    why: session.why(),
  };
}
