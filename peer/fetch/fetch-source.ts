/** What a person asked for: a link, `@root`, or a name; and where to ask. */
import { ShoalError } from '../../common/core/errors.js';
import { decodeFileName, type FileName, fileNameOf } from '../../common/core/file-name.js';
import { LINK_SCHEME, parseLink } from '../../common/core/link.js';
import type { HostPort, PeerAddress } from '../../common/core/peer-address.js';
import { type ContentRoot, isContentRoot } from '../../common/core/root.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';

export interface FetchSource {
  /** How it is looked up. */
  readonly content: ContentRef;
  readonly root: ContentRoot | undefined;
  readonly name: FileName | undefined;
  readonly sizeBytes: number | undefined;
  readonly trackers: readonly HostPort[];
  readonly peers: readonly PeerAddress[];
}

/** Reads `<filename|link|@root>` as a person types it: names plain or percent-encoded as `peer share` prints them. Throws `USAGE`. */
export function parseFetchSource(text: string): FetchSource {
  if (text.startsWith(LINK_SCHEME)) {
    const { root, name, sizeBytes, trackers, peers } = parseLink(text);
    return { content: { by: 'root', root }, root, name, sizeBytes, trackers, peers };
  }
  const none = { sizeBytes: undefined, trackers: [], peers: [] };
  if (text.startsWith('@')) {
    const root = text.slice(1);
    if (!isContentRoot(root))
      throw new ShoalError('USAGE', 'local', `"${text}" is no root: after the @ come 64 lower-case hex digits.`);
    return { content: { by: 'root', root }, root, name: undefined, ...none };
  }
  const name = parseTypedName(text);
  return { content: { by: 'name', name }, root: undefined, name, ...none };
}

function parseTypedName(text: string): FileName {
  try {
    // A token as it was printed has no space; a name as a person knows it may have one, and may have a % that is no escape.
    return /%[0-9a-fA-F]{2}/.test(text) && !text.includes(' ') ? decodeFileName(text) : fileNameOf(text);
  } catch (error) {
    throw new ShoalError('USAGE', 'local', error instanceof Error ? error.message : String(error), error);
  }
}
