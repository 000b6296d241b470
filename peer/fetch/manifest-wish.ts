/** What is asked for when a manifest is asked for, and whether the bytes that came are it. Nothing that they claim is believed before. */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { type Manifest, manifestFromRaw } from '../../common/core/manifest.js';
import type { ContentRoot } from '../../common/core/root.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import type { Hasher } from '../hash/hasher.js';

export interface ManifestWish {
  readonly content: ContentRef;
  readonly root: ContentRoot;
  /** Where it is known for sure. */
  readonly sizeBytes: number | undefined;
}

/**
 * The manifest in `bytes`, as a peer sent them. Throws `VERIFY_FAILED` where it is not the one that was wished for: with the fault
 * `remote` where the peer is wrong, with `environment` where the wish is.
 */
export async function checkedManifest(
  bytes: Uint8Array,
  { root, sizeBytes }: ManifestWish,
  hasher: Pick<Hasher, 'root'>,
): Promise<Manifest> {
  let manifest: Manifest;
  try {
    manifest = manifestFromRaw(unpackMsgpack(bytes));
  } catch (error) {
    throw new ShoalError('VERIFY_FAILED', 'remote', `its manifest is malformed: ${asShoalError(error).message}`, error);
  }
  const found = await hasher.root(manifest, manifest.hashName);
  if (found !== root) throw new ShoalError('VERIFY_FAILED', 'remote', 'its manifest is not the one that the root names');
  // The root binds the size, so whoever gave us the two together was wrong, and not this peer.
  if (sizeBytes !== undefined && sizeBytes !== manifest.sizeBytes) throw wrongSize(root, sizeBytes, manifest.sizeBytes);
  return manifest;
}

function wrongSize(root: ContentRoot, saidBytes: number, sizeBytes: number): ShoalError {
  return new ShoalError(
    'VERIFY_FAILED',
    'environment',
    `@${root} is said to have ${saidBytes} bytes, but names a content of ${sizeBytes}; the link or folder that says so is wrong.`,
  );
}
