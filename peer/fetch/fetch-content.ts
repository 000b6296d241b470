/**
 * A whole fetch, from what a person asked for to the final name:
 *
 *     look up ──► manifest ──► (folder: its index) ──► goal (what to fetch, and where to) ──► goal.ts
 *
 * It decides in which order things happen and leaves each to its module. Everything it opens it closes, whatever happens.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { baseName, type FileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { ContentRoot } from '../../common/core/root.js';
import { removeIfThere } from '../../common/node/disk-work.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { readJournal } from '../store/journal.js';
import { partPaths } from '../store/part-paths.js';
import { Catalog, type CatalogFile } from './catalog.js';
import type { ChosenContent } from './choose-content.js';
import type { FetchResult } from './fetch-events.js';
import { areHashesOf, checkEmptyFiles, folderCatalog, readFolderIndex } from './fetch-folder.js';
import { type FetchOptions, type FetchPorts, FetchSession } from './fetch-session.js';
import { fetchGoal, type Goal, isGoalThere, isSameFile, reportThere } from './goal.js';
import { KnownPeers } from './known-peers.js';
import { type LookUpPorts, lookUp } from './look-up.js';
import { resolveTarget } from './target.js';

/** Fetches a content. Throws a `ShoalError` whose exit code is the command's. */
export async function fetchContent(ports: FetchPorts, options: FetchOptions): Promise<FetchResult> {
  const session = new FetchSession(ports, options);
  try {
    session.phase('lookup', `looking up ${options.shown}`);
    const found = await lookUp(lookUpPorts(session), options.source, options.shown).catch((error: unknown) =>
      asShoalError(error),
    );
    if (found instanceof ShoalError) return await finishAlone(session, found);
    const { chosen, peers } = found;
    const manifest = chosen.root === undefined ? undefined : await fetchManifest(session, chosen, chosen.root, peers);
    const goal = await findGoal(session, chosen, manifest, peers);
    const { name, root, catalog, folder, isVerified } = goal;
    const what = { name, root: root ?? null, size: catalog.totalBytes, files: catalog.files.length, verified: isVerified };
    options.onEvent({ event: 'content', type: folder === undefined ? 'file' : 'folder', ...what });
    await checkEmptyFiles(catalog, ports.pool);
    if (await isGoalThere(session, goal)) return await reportThere(session, goal);
    return await fetchGoal(session, goal, false);
  } finally {
    await session.close();
  }
}

/**
 * Nobody can be found. Where an earlier run was ended when it had every chunk of a file, but before the file got its name, nobody is
 * needed: its journal says what the file is, and the root confirms it. Else throws `notFound`.
 */
async function finishAlone(session: FetchSession, notFound: ShoalError): Promise<FetchResult> {
  const { root } = session.options.source;
  if (root === undefined || (notFound.code !== 'NOT_FOUND' && notFound.code !== 'NETWORK')) throw notFound;
  const chosen = { root, sizeBytes: 0, isSizeKnown: false, peers: [] };
  const goal = await findGoal(session, chosen, undefined, new KnownPeers());
  const { part } = partPaths(goal.target, root);
  if (goal.catalog.files[0]?.hashes === undefined || !(await isSameFile(session, part, root, goal.catalog))) throw notFound;
  return (await isGoalThere(session, goal)) ? reportThere(session, goal) : fetchGoal(session, goal);
}

function lookUpPorts(session: FetchSession): LookUpPorts {
  const trackerFailed = (tracker: string, { message }: ShoalError) =>
    session.options.onEvent({ event: 'tracker-failed', tracker, reason: message });
  return { finder: session.finder, abortable: (promise) => session.abortable(promise), trackerFailed };
}

async function fetchManifest(
  session: FetchSession,
  { isSizeKnown, sizeBytes }: ChosenContent,
  root: ContentRoot,
  peers: KnownPeers,
): Promise<Manifest | undefined> {
  session.phase('connect', `connecting to ${peers.count} peer${peers.count === 1 ? '' : 's'}`);
  return session.withMetadata(peers, (metadata) =>
    metadata.manifest({ content: { by: 'root', root }, root, sizeBytes: isSizeKnown ? sizeBytes : undefined }),
  );
}

async function findGoal(
  session: FetchSession,
  chosen: ChosenContent,
  manifest: Manifest | undefined,
  peers: KnownPeers,
): Promise<Goal> {
  const { source, out, directory } = session.options;
  const { root } = chosen;
  const name = source.name ?? manifest?.name ?? (`${root ?? 'content'}` as FileName);
  const target = await resolveTarget(session.ports.disk, { out, directory, baseName: baseName(name) });
  const common = { name, root, target, peers };
  if (manifest?.type === FOLDER_TYPE && root !== undefined) {
    const { catalog, indexBytes } = await fetchFolderCatalog(session, { ...common, root }, manifest);
    return { ...common, catalog, folder: { manifest, indexBytes }, isVerified: true };
  }
  const content: ContentRef = root === undefined ? source.content : { by: 'root', root };
  const known = manifest ?? (await keptManifest(session, target, root));
  const catalog = new Catalog([singleFile(content, chosen, known)]);
  return { ...common, catalog, folder: undefined, isVerified: root !== undefined };
}

/** Fetches a folder's index like any file, beside the target, and makes the catalog of its files; returns the index too. */
async function fetchFolderCatalog(
  session: FetchSession,
  folder: {
    readonly name: FileName;
    readonly root: ContentRoot;
    readonly target: string;
    readonly peers: KnownPeers;
  },
  manifest: Manifest,
): Promise<{ catalog: Catalog; indexBytes: Uint8Array }> {
  const { root, peers, target } = folder;
  const { index, journal } = partPaths(target, root);
  const content = { by: 'root', root } as const;
  const catalog = new Catalog([singleFile(content, { sizeBytes: manifest.sizeBytes, root }, manifest)]);
  const goal: Goal = { ...folder, catalog, folder: undefined, isVerified: true, target: index };
  // What an earlier run left under this name is ours: where it is not the index, it is replaced.
  if (await isSameFile(session, index, root, catalog)) await reportThere(session, goal);
  else await fetchGoal(session, goal, true);
  const { files, indexBytes } = await readFolderIndex(session.ports, index).catch(async (error: unknown) => {
    // What was refused is of no use to a later run either.
    await removeIfThere(session.ports.disk, index);
    throw error;
  });
  const whole = await session.withMetadata(peers, (metadata) =>
    folderCatalog(session.ports, files, manifest.hashName, metadata, journal),
  );
  return { catalog: whole, indexBytes };
}

/** What of a manifest a fetch needs. */
type KnownManifest = Pick<Manifest, 'sizeBytes' | 'hashName' | 'hashes' | 'mtimeMs'>;

/** The hashes that an earlier run left in its journal, if the root confirms them. */
async function keptManifest(
  session: FetchSession,
  target: string,
  root: ContentRoot | undefined,
): Promise<KnownManifest | undefined> {
  if (root === undefined) return undefined;
  const state = await readJournal(session.ports.disk, partPaths(target, root).journal);
  const kept = state?.hashes.get(0);
  if (state === undefined || kept === undefined) return undefined;
  const { sizeBytes } = state.head;
  return (await areHashesOf({ sizeBytes, root }, kept, session.ports.pool)) ? { sizeBytes, ...kept } : undefined;
}

function singleFile(
  content: ContentRef,
  { sizeBytes, root }: { sizeBytes: number; root: ContentRoot | undefined },
  manifest: KnownManifest | undefined,
): CatalogFile {
  return {
    path: undefined,
    content,
    root,
    sizeBytes: manifest?.sizeBytes ?? sizeBytes,
    hashName: manifest?.hashName ?? 'blake3',
    hashes: manifest?.hashes,
    ...(manifest?.mtimeMs === undefined ? {} : { mtimeMs: manifest.mtimeMs }),
  };
}
