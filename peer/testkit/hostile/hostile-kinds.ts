/**
 * The kinds of hostile peers that have a name, each as what a scripted peer does that it should not. Tests go through the whole table,
 * and the simulator draws from it. How to start one is in hostile-peer.ts.
 *
 * Pure: chance comes in.
 */
import { chunkLength } from '../../../common/core/chunks.js';
import { CHUNK_BYTES } from '../../../common/core/limits.js';
import type { Random } from '../../../common/ports/random.js';
import { formatBodyHeader } from '../../../common/wire/peer-lines.js';
import type { Misbehaviour } from '../scripted-peer.js';
import { chunkOf, seededBytes, type TestContent, testContent } from '../test-content.js';

/**
 * What a fetcher makes of one that it asked for chunks while others serve it well: it bans it for a lie or a breach of the protocol, it
 * leaves it for a while since it failed, or it gets along with it and loses nothing but time.
 */
export type HostileFate = 'banned' | 'failed' | 'endured';

export interface HostileKind {
  readonly name: string;
  /** Of the catalogue of faults. */
  readonly row: string;
  readonly fate: HostileFate;
  /** Whether it hands out the true manifest, so that it is found out by its chunks at the earliest. */
  readonly givesManifest: boolean;
  /** Ports that it serves on, one after the other, each as soon as the one before was left. */
  readonly portCount: number;
  readonly misbehave: (content: TestContent, random: Random) => Misbehaviour;
}

/** Of "one chunk in so many is wrong". */
const SELDOM_COUNT = 100;
const DRIP_MS = 1000;
/** Bytes a second just above what counts as falling silent. */
const TRICKLE_BYTES_PER_SECOND = 5000;
const PORTS_COUNT = 200;

function kind(
  row: string,
  name: string,
  fate: HostileFate,
  misbehave: HostileKind['misbehave'],
  more: Partial<HostileKind> = {},
): HostileKind {
  return { name, row, fate, misbehave, givesManifest: true, portCount: 1, ...more };
}

/** Wrong bytes of the length of a chunk: the true ones with some changed, which costs nothing to make. */
function spoilt(chunkIndex: number, { bytes }: TestContent): Buffer {
  const chunk = Buffer.from(chunkOf(bytes, chunkIndex));
  for (let at = 0; at < chunk.length; at += CHUNK_BYTES / 8) chunk[at] = ((chunk[at] ?? 0) + 1) & 255;
  return chunk;
}

function twice(chunkIndex: number, { bytes }: TestContent): Buffer {
  const chunk = chunkOf(bytes, chunkIndex);
  return Buffer.concat([chunk, Buffer.from(formatBodyHeader(chunk.length)), chunk]);
}

/** The header of the true length, whatever the body is. */
function honestHeader({ bytes }: TestContent): NonNullable<Misbehaviour['header']> {
  return (chunkIndex) => formatBodyHeader(chunkLength(chunkIndex, bytes.length));
}

/** Another chunk of the same length; where there is only one, wrong bytes. */
function swapped(chunkIndex: number, content: TestContent): Buffer {
  const lengthBytes = chunkLength(chunkIndex, content.bytes.length);
  const others = Math.max(1, content.chunkCount);
  for (let step = 1; step < others; step += 1) {
    const other = chunkOf(content.bytes, (chunkIndex + step) % others);
    if (other.length === lengthBytes && !other.equals(chunkOf(content.bytes, chunkIndex))) return other;
  }
  return spoilt(chunkIndex, content);
}

/** Another content of the same size: what was there before the last change. */
function oldVersion({ bytes, name }: TestContent): TestContent {
  const old = Buffer.from(bytes);
  for (let at = 0; at < old.length; at += CHUNK_BYTES) old[at] = ((old[at] ?? 0) + 3) & 255;
  return testContent(old, { name });
}

function documentOf(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(formatBodyHeader(bytes.length)), bytes]);
}

/** All of its chunks but some, refused with a code. */
function refusing(code: string, isRefused: (chunkIndex: number) => boolean): Misbehaviour {
  return { refuse: (chunkIndex) => (isRefused(chunkIndex) ? code : undefined) };
}

function poisonSometimes(random: Random): Misbehaviour {
  return {
    body: (index, content) => (random.below(SELDOM_COUNT) === 0 ? spoilt(index, content) : chunkOf(content.bytes, index)),
  };
}

/** Right chunks until as many were sent as lack one for all, then wrong ones. */
function poisonLate({ chunkCount }: TestContent): Misbehaviour {
  let sentCount = 0;
  return {
    body: (index, content) => {
      sentCount += 1;
      return sentCount < Math.min(chunkCount, 4) ? chunkOf(content.bytes, index) : spoilt(index, content);
    },
  };
}

/** Claims one chunk alone, and sends it wrong. */
function hoarder({ chunkCount }: TestContent, random: Random): Misbehaviour {
  const chosen = random.below(Math.max(1, chunkCount));
  return {
    holds: (index) => index === chosen,
    refuse: (index) => (index === chosen ? undefined : 'NOT_FOUND'),
    body: spoilt,
  };
}

/** Tells of chunks that it has got, without end: the same ones again and again. */
function newsFlood(): Misbehaviour {
  return {
    haveReply: ({ root, haveCount }) => {
      const none = documentOf(Buffer.alloc(Math.ceil(haveCount / 8)));
      return Buffer.concat([none, Buffer.from(`HAVE @${root} 0-${haveCount - 1}\n`.repeat(200))]);
    },
  };
}

/** Nonsense for everybody who asks how it is and what it has. */
function lyingDocuments(): Misbehaviour {
  const nonsense = documentOf(Buffer.from('\u001b[2J\u001b]0;owned\u0007', 'utf8'));
  return {
    body: spoilt,
    reply: ({ verb }) => (verb === 'STATUS' || verb === 'LIST' || verb === 'PUSH' ? nonsense : undefined),
  };
}

const only = (verb: string, reply: string): Misbehaviour => ({ reply: (request) => (request.verb === verb ? reply : undefined) });

/** Every kind, by row. */
export const HOSTILE_KINDS: readonly HostileKind[] = [
  kind('MP1', 'poison', 'banned', () => ({ body: spoilt })),
  kind('MP2', 'swap', 'banned', () => ({ body: swapped })),
  kind('MP2', 'old-version', 'banned', (content) => {
    const old = oldVersion(content);
    return { body: (index) => chunkOf(old.bytes, index) };
  }),
  kind('MP3', 'poison-late', 'banned', poisonLate),
  kind('MP3', 'poison-seldom', 'endured', (_content, random) => poisonSometimes(random)),
  kind('MP4', 'endless-body', 'banned', () => ({ isEndless: true })),
  kind('MP4', 'garbage-after', 'banned', (content) => ({
    header: honestHeader(content),
    body: (index, { bytes }) => Buffer.concat([chunkOf(bytes, index), seededBytes(1000, 5)]),
  })),
  kind('MP4', 'two-replies', 'banned', (content) => ({ header: honestHeader(content), body: twice })),
  kind('MP5', 'stall-at-last-byte', 'failed', () => ({ cutBodyBytes: (lengthBytes) => lengthBytes - 1, afterCut: 'silence' })),
  kind('MP5', 'stall-before-body', 'failed', () => ({ cutBodyBytes: 0, afterCut: 'silence' })),
  kind('MP5', 'silent-to-chunks', 'failed', () => only('GET_CHUNK', 'silence')),
  kind('MP5', 'drip', 'failed', () => ({ dripMs: DRIP_MS, dripVerbs: ['GET_CHUNK', 'GET_RANGE'] })),
  kind('MP5', 'short-then-end', 'failed', () => ({ cutBodyBytes: (lengthBytes) => lengthBytes >> 1 })),
  kind('MP5', 'short-then-reset', 'failed', () => ({ cutBodyBytes: (lengthBytes) => lengthBytes >> 1, afterCut: 'reset' })),
  kind('MP6', 'refuse-most', 'endured', () => refusing('NOT_FOUND', (index) => index % 16 !== 0)),
  kind('MP6', 'refuse-all', 'endured', () => refusing('INTERNAL', () => true)),
  kind('MP6', 'always-busy', 'endured', () => refusing('BUSY', () => true)),
  kind('MP6', 'news-flood', 'banned', newsFlood),
  kind('MP7', 'wrong-chunk-size', 'banned', () => ({ header: () => formatBodyHeader(CHUNK_BYTES + 1) })),
  kind('MP7', 'short-bitfield', 'banned', () => ({ haveReply: () => documentOf(Buffer.alloc(0)) })),
  kind(
    'MP7',
    'wrong-manifest',
    'banned',
    (content) => ({ manifestReply: () => documentOf(oldVersion(content).manifest), body: spoilt }),
    { givesManifest: false },
  ),
  kind('MP7', 'endless-manifest', 'banned', () => ({ manifestReply: () => '999999999999\n', body: spoilt }), {
    givesManifest: false,
  }),
  kind(
    'MP5',
    'trickling-manifest',
    'banned',
    () => ({ dripMs: 1000 / TRICKLE_BYTES_PER_SECOND, dripVerbs: ['GET_MANIFEST'], body: spoilt }),
    { givesManifest: false },
  ),
  kind('MP5', 'silent-to-manifest', 'banned', () => ({ ...only('GET_MANIFEST', 'silence'), body: spoilt }), {
    givesManifest: false,
  }),
  kind('MP5', 'slow-greeting', 'failed', () => ({ dripMs: DRIP_MS, dripVerbs: ['HAVE', 'GET_MANIFEST'] }), {
    givesManifest: false,
  }),
  kind('MP5', 'silent', 'failed', () => ({ reply: () => 'silence' }), { givesManifest: false }),
  kind('MP8', 'returning', 'banned', () => ({ body: spoilt }), { portCount: PORTS_COUNT }),
  kind('MP9', 'lying-documents', 'banned', lyingDocuments),
  kind('MP10', 'accept-then-close', 'failed', () => ({ isClosing: true }), { givesManifest: false }),
  kind('MP10', 'close-when-greeted', 'failed', () => only('HAVE', 'hang-up')),
  kind('MP12', 'hoarder', 'banned', hoarder),
];

/** Throws where nothing has that name. */
export function hostileKind(name: string): HostileKind {
  const found = HOSTILE_KINDS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no hostile kind "${name}"; see HOSTILE_KINDS.`);
  return found;
}
