/** What a node tells a command that shares through it, as JSON, both ways: so the command says the same as if it shared by itself. */
import { type ErrorCode, isErrorCode, ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { formatHostPort, formatPeerAddress, parseHostPort, parsePeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Announcement } from '../discovery/announcer.js';
import type { ShareNews } from '../share/sharing.js';
import type { Json } from './control-protocol.js';
import type { NewsReader } from './news-board.js';

/** Milliseconds between two words of how far hashing is. */
const HASHED_PAUSE_MS = 250;

/** Who on the command's side hears of it. */
export interface ShareNewsTarget
  extends Required<Pick<NewsReader, 'registered' | 'refused' | 'trackerLost' | 'trackerBack' | 'note'>> {
  scanned(fileCount: number, totalBytes: number): void;
  hashed(bytes: number, isFromCache: boolean): void;
  hashedAll(): void;
  indexed(content: { readonly name: FileName }, fileCount: number | undefined): void;
  changed(content: { readonly name: FileName; readonly root: ContentRoot }): void;
}

/** Sends what happens to some names, and to all trackers. */
export function newsSender(names: ReadonlySet<string>, send: (event: Json) => void): NewsReader {
  const isOurs = ({ name }: { readonly name: FileName }) => names.has(name.split('/')[0] ?? '');
  const contentOf = ({ name, sizeBytes, root, type }: Announcement) => ({ name, size: sizeBytes, root, type: type ?? null });
  return {
    indexed: (content, fileCount) => {
      if (isOurs(content)) send({ news: 'indexed', name: content.name, files: fileCount ?? null });
    },
    registered: (content, address, tracker) => {
      const at = address === undefined ? null : formatPeerAddress(address);
      if (names.has(content.name))
        send({ news: 'registered', ...contentOf(content), address: at, tracker: formatHostPort(tracker) });
    },
    refused: (content, { code, message }, tracker) => {
      if (isOurs(content)) send({ news: 'refused', ...contentOf(content), code, message, tracker: formatHostPort(tracker) });
    },
    changed: (content) => {
      if (isOurs(content)) send({ news: 'changed', name: content.name, root: content.root });
    },
    trackerLost: (tracker, { code, message }) => send({ news: 'tracker-lost', tracker: formatHostPort(tracker), code, message }),
    trackerBack: (tracker) => send({ news: 'tracker-back', tracker: formatHostPort(tracker) }),
  };
}

/** Sends how far the hashing is, not more often than anybody can read; `over` sends the rest. */
export function hashingSender(clock: Clock, send: (event: Json) => void): ShareNews & { over(): void } {
  const bytes = { hashed: 0, known: 0 };
  let sentMs = clock.nowMs();
  const tell = () => {
    if (bytes.hashed !== 0 || bytes.known !== 0) send({ news: 'hashed', ...bytes });
    [bytes.hashed, bytes.known, sentMs] = [0, 0, clock.nowMs()];
  };
  return {
    scanned: (fileCount, totalBytes) => send({ news: 'scanned', files: fileCount, bytes: totalBytes }),
    hashed: (count, isFromCache) => {
      bytes[isFromCache ? 'known' : 'hashed'] += count;
      if (clock.nowMs() - sentMs >= HASHED_PAUSE_MS) tell();
    },
    note: (text) => send({ news: 'note', text }),
    over: () => {
      tell();
      send({ news: 'hashed-all' });
    },
  };
}

/** Tells `target` what an event of the node stands for; what is not known is passed over. */
export function tellShareNews(event: Json, target: ShareNewsTarget): void {
  const [name, text, message] = [event['name'], event['text'], event['message']].map(String);
  const root = String(event['root']);
  const count = (key: string) => Number(event[key]);
  const tracker = () => parseHostPort(String(event['tracker']), 0);
  const error = () => new ShoalError(codeOf(event['code']), 'remote', message ?? '');
  const content = (): Announcement => {
    const type = event['type'] === null ? {} : { type: String(event['type']) };
    return { name: name as FileName, sizeBytes: count('size'), root: root as ContentRoot, ...type };
  };
  const address = () => (event['address'] === null ? undefined : parsePeerAddress(String(event['address'])));
  const tellers: Readonly<Record<string, () => void>> = {
    scanned: () => target.scanned(count('files'), count('bytes')),
    hashed: () => {
      target.hashed(count('known'), true);
      target.hashed(count('hashed'), false);
    },
    'hashed-all': () => target.hashedAll(),
    indexed: () => target.indexed({ name: name as FileName }, event['files'] === null ? undefined : count('files')),
    registered: () => target.registered(content(), address(), tracker()),
    refused: () => target.refused(content(), error(), tracker()),
    changed: () => target.changed({ name: name as FileName, root: root as ContentRoot }),
    'tracker-lost': () => target.trackerLost(tracker(), error()),
    'tracker-back': () => target.trackerBack(tracker()),
    note: () => target.note(text ?? ''),
  };
  const kind = String(event['news']);
  if (Object.hasOwn(tellers, kind)) tellers[kind]?.();
}

function codeOf(raw: unknown): ErrorCode {
  return typeof raw === 'string' && isErrorCode(raw) ? raw : 'INTERNAL';
}
