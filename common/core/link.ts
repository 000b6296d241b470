/**
 * Links: `magnet:?xt=urn:shoal:<root>&dn=<name>&xl=<size>&tr=<host:port>…[&x.pe=<host:port>…]`, fetchable with no other argument.
 * Unknown keys are ignored; the root is the one thing that a link must have.
 */
import { ShoalError } from './errors.js';
import { type FileName, fileNameOf } from './file-name.js';
import { LINK_MAX_CHARS, LINK_PEERS_MAX_COUNT, TRACKERS_MAX_COUNT } from './limits.js';
import { isSize } from './manifest.js';
import {
  formatHostPort,
  formatPeerAddress,
  type HostPort,
  type PeerAddress,
  parseHostPort,
  parsePeerAddress,
} from './peer-address.js';
import { type ContentRoot, isContentRoot } from './root.js';

export interface Link {
  readonly root: ContentRoot;
  readonly name?: FileName;
  readonly sizeBytes?: number;
  readonly trackers: readonly HostPort[];
  readonly peers: readonly PeerAddress[];
}

export const LINK_SCHEME = 'magnet:';
const URN = 'urn:shoal:';

export function formatLink(link: Link): string {
  const pairs: [string, string][] = [['xt', `${URN}${link.root}`]];
  if (link.name !== undefined) pairs.push(['dn', link.name]);
  if (link.sizeBytes !== undefined) pairs.push(['xl', String(link.sizeBytes)]);
  for (const tracker of link.trackers) pairs.push(['tr', formatHostPort(tracker)]);
  for (const peer of link.peers) pairs.push(['x.pe', formatPeerAddress(peer)]);
  // A colon, a slash and brackets need no escape in a query, and the link stays readable; an apostrophe would end a shell's quotes.
  const encode = (text: string) =>
    encodeURIComponent(text)
      .replace(/%(3A|2F|5B|5D)/g, (code) => decodeURIComponent(code))
      .replace(/'/g, '%27');
  return `${LINK_SCHEME}?${pairs.map(([key, value]) => `${key}=${encode(value)}`).join('&')}`;
}

/** Reads a link. Throws `USAGE` with what is wrong in it. */
export function parseLink(text: string): Link {
  const refuse = (why: string): never => {
    throw new ShoalError('USAGE', 'local', `Bad link: ${why}.`);
  };
  if (text.length > LINK_MAX_CHARS) return refuse(`it is longer than ${LINK_MAX_CHARS} characters`);
  if (!text.startsWith(`${LINK_SCHEME}?`)) return refuse(`it must begin with ${LINK_SCHEME}?xt=${URN}…`);
  const query = new URLSearchParams(text.slice(LINK_SCHEME.length + 1));
  const urn = query.getAll('xt').find((value) => value.startsWith(URN));
  if (urn === undefined) return refuse(`it has no xt=${URN}<root>`);
  const root = urn.slice(URN.length);
  if (!isContentRoot(root)) return refuse('its root is not 64 lower-case hex digits, perhaps because it was cut off');
  const name = query.get('dn');
  const size = query.get('xl');
  if (size !== null && !(/^(0|[1-9][0-9]{0,15})$/.test(size) && isSize(Number(size)))) return refuse('xl is no size in bytes');
  const trackers = query.getAll('tr');
  const peers = query.getAll('x.pe');
  if (trackers.length > TRACKERS_MAX_COUNT) return refuse(`it names more than ${TRACKERS_MAX_COUNT} trackers`);
  if (peers.length > LINK_PEERS_MAX_COUNT) return refuse(`it names more than ${LINK_PEERS_MAX_COUNT} peers`);
  const orRefuse = <T>(what: string, parse: () => T): T => {
    try {
      return parse();
    } catch {
      return refuse(what);
    }
  };
  return {
    root,
    ...(name === null ? {} : { name: orRefuse('dn is no file name', () => fileNameOf(name)) }),
    ...(size === null ? {} : { sizeBytes: Number(size) }),
    trackers: trackers.map((tracker) => orRefuse(`tr=${tracker} is no host:port`, () => parseHostPort(tracker, 4700))),
    peers: peers.map((peer) => orRefuse(`x.pe=${peer} is no IP:port`, () => parsePeerAddress(peer))),
  };
}
