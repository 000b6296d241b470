import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { WIRE_CODES } from './core/errors.js';
import { decodeFileName, encodeFileName, parseFileName } from './core/file-name.js';
import { folderFromRaw } from './core/folder-index.js';
import * as limits from './core/limits.js';
import { formatLink, parseLink } from './core/link.js';
import { manifestFromRaw } from './core/manifest.js';
import { contentRoot } from './core/root.js';
import { hashFunction } from './node/hash.js';
import { errorCode } from './testkit/error-code.js';
import { exampleBlocks } from './testkit/protocol-examples.js';
import { repoRoot } from './testkit/repo-root.js';
import { decodeReply, decodeRequest } from './wire/index-datagrams.js';
import { unpackMsgpack } from './wire/msgpack.js';
import {
  formatPeerStatus,
  formatPushState,
  formatSharedPage,
  formatSharedRow,
  parsePeerStatus,
  parsePushState,
  parseSharedPage,
} from './wire/peer-documents.js';
import { formatHaveNews, formatPeerRequest, parseHaveNews, parsePeerRequest } from './wire/peer-lines.js';
import { formatErr, parseErr } from './wire/tokens.js';
import {
  formatContentRow,
  formatLease,
  formatLookupRow,
  formatPageHead,
  formatPeerRow,
  formatStats,
  parseContentRow,
  parseLease,
  parseLookupRow,
  parseOkCount,
  parsePageHead,
  parsePeerRow,
  parseStats,
} from './wire/tracker-replies.js';
import { formatTrackerRequest, parseTrackerRequest, TRACKER_USAGES, type TrackerVerb } from './wire/tracker-requests.js';

const text = readFileSync(join(repoRoot, 'common/PROTOCOL.md'), 'utf8');

/** The lines of the fenced block whose fence says `text <name>`. */
function block(name: string): string[] {
  const found = new RegExp(`^\`\`\`text ${name}\\n([\\s\\S]*?)\\n\`\`\`$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`PROTOCOL.md has no block "text ${name}"`);
  return found.split('\n');
}

const bytesOf = (name: string): Uint8Array => Buffer.from(block(name).join('').replaceAll(' ', ''), 'hex');

/** First cells of the rows of each table under a heading, without the quotes around code. */
function tableUnder(heading: string): string[][] {
  const section = text.split(`\n## ${heading}`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
}

const rowsWrittenAgain: Partial<Record<TrackerVerb, (line: string) => string>> = {
  LOOKUP: (line) => formatLookupRow(parseLookupRow(line)),
  INFO: (line) => formatContentRow(parseContentRow(line)),
  SEARCH: (line) => formatContentRow(parseContentRow(line)),
  LIST: (line) => formatContentRow(parseContentRow(line)),
  PEERS: (line) => formatPeerRow(parsePeerRow(line)),
  HELP: (line) => `${Object.values(TRACKER_USAGES).find((usage) => usage === line)}\n`,
};

/** A reply as the code writes what it has read of it. */
function writtenAgain(verb: TrackerVerb, [head = '', ...rows]: readonly string[]): string[] {
  const error = parseErr(head);
  if (error !== undefined) return [formatErr('NOT_FOUND', error.message)];
  const again = rowsWrittenAgain[verb];
  if (again !== undefined) {
    const page = parsePageHead(head, 1000);
    expect(page.rowCount).toBe(rows.length);
    return [formatPageHead(page), ...rows.map(again)];
  }
  if (verb === 'QUIT') return ['OK\n'];
  if (verb === 'STATS') return [formatStats(parseStats(head))];
  if (verb === 'UNREGISTER' || verb === 'WITHDRAW') return [`OK ${parseOkCount(head, 100)}\n`];
  return [formatLease(parseLease(head))];
}

describe('PROTOCOL.md', () => {
  test.each([...exampleBlocks()])('shows %s as the code computes it', (name, expected) => {
    expect(block(name).join('\n')).toBe(expected);
  });

  test('has no example that no test looks at', () => {
    const named = [...text.matchAll(/^```text (\S+)$/gm)].map((match) => match[1]);
    expect(named.sort()).toEqual([...exampleBlocks().keys(), 'names', 'peer-lines', 'peer-documents', 'tracker-lines'].sort());
  });

  test('gives names and their tokens', () => {
    const rows = block('names').map((line) => /^(.*?) {2,}(\S+)$/.exec(line)?.slice(1) ?? []);
    expect(rows.length).toBeGreaterThan(4);
    for (const [name = '', token = ''] of rows) {
      expect(encodeFileName(parseFileName(name))).toBe(token);
      expect(decodeFileName(token)).toBe(name);
    }
  });

  test('gives tracker requests that are read and written again as they stand, and replies that fit them', () => {
    const shown = new Set<TrackerVerb>();
    for (const exchange of block('tracker-lines').join('\n').split(/^> /m).slice(1)) {
      const [line = '', ...reply] = exchange.trimEnd().split('\n< ');
      const request = parseTrackerRequest(line);
      expect(formatTrackerRequest(request)).toBe(`${line}\n`);
      expect(writtenAgain(request.verb, reply)).toEqual(reply.map((one) => `${one}\n`));
      shown.add(request.verb);
    }
    expect([...shown].sort()).toEqual(Object.keys(TRACKER_USAGES).sort());
  });

  test('shows each request as HELP does', () => {
    for (const usage of Object.values(TRACKER_USAGES)) expect(text).toContain(`\n    ${usage}\n`);
  });

  test('gives peer requests and news that are read and written again as they stand', () => {
    for (const line of block('peer-lines')) {
      const text = line.slice(2);
      const news = line.startsWith('< ') ? parseHaveNews(text) : undefined;
      expect(line.slice(0, 2)).toBe(news === undefined ? '> ' : '< ');
      expect(news === undefined ? formatPeerRequest(parsePeerRequest(text)) : formatHaveNews(news.root, news.ranges)).toBe(
        `${text}\n`,
      );
    }
  });

  test('gives the bodies of other replies as they are read and written', () => {
    const [status = '', head = '', ...rest] = block('peer-documents').map((line) => `${line}\n`);
    const [rows, state] = [rest.slice(0, -1), rest.at(-1) ?? ''];
    expect(formatPeerStatus(parsePeerStatus(Buffer.from(status)))).toBe(status);
    const page = parseSharedPage(Buffer.from(head + rows.join('')));
    expect(formatSharedPage(page.rows.map(formatSharedRow), page.next)).toBe(head + rows.join(''));
    expect(formatPushState(parsePushState(Buffer.from(state)))).toBe(state);
  });

  test('gives datagrams that are read as it says', () => {
    const steps = block('udp-datagrams')
      .join('\n')
      .split(/\n(?=[<>])/);
    expect(steps).toHaveLength(6);
    for (const step of steps) {
      const [, direction, type, saidText = '', hexText = ''] = /^([<>]) (.) id (.*)\n([\s\S]*)$/.exec(step) ?? [];
      const bytes = Buffer.from(hexText.replaceAll(/\s/g, ''), 'hex');
      expect(String.fromCharCode(bytes[0] ?? 0)).toBe(type);
      const [request, reply] = [decodeRequest(bytes), decodeReply(bytes)];
      expect([request?.kind, reply === undefined]).toEqual(direction === '>' ? ['request', true] : [undefined, false]);
      if (request?.kind === 'request') expect(request.line).toBe(`${type === 'R' ? 'REGISTER' : 'LOOKUP'} ${saidText}`);
      if (reply?.kind === 'answer') expect(reply.lines.join(' LF ')).toBe(saidText);
      if (reply?.kind === 'error') expect(saidText).toBe(`DENIED cookie=${reply.cookie}`);
    }
  });

  test('gives a manifest that is read back, with the root that the text computes for it', () => {
    const manifest = manifestFromRaw(unpackMsgpack(bytesOf('manifest-bytes')));
    expect(manifest).toMatchObject({ name: 'hello.txt', sizeBytes: 6, hashName: 'blake3' });
    const root = contentRoot(manifest, hashFunction('blake3'));
    expect(block('root-one-chunk').at(-1)).toBe(`${'root = H(head | MTH)'.padEnd(28)} = ${root}`);
    expect(manifestFromRaw(unpackMsgpack(Buffer.concat([Uint8Array.of(0x86), bytesOf('manifest-bytes').subarray(3)])))).toEqual(
      manifest,
    );
    expect(folderFromRaw(unpackMsgpack(bytesOf('folder-bytes'))).map((file) => file.root)[0]).toBe(root);
    const link = parseLink(block('link')[0] ?? '');
    expect([link.root, formatLink(link)]).toEqual([root, block('link')[0]]);
    expect(text).toContain(`LOOKUP @${root} max=1`);
  });

  test('gives roots that independent programs computed', () => {
    const golden = readFileSync(join(repoRoot, 'test_files/golden-roots.json'), 'utf8');
    for (const name of ['root-empty', 'root-three-chunks']) expect(golden).toContain(block(name).at(-1)?.slice(-64) ?? 'nothing');
  });

  test('names the limits and their values as they are in limits.ts', () => {
    const rows = tableUnder('10. Limits');
    expect(rows.length).toBeGreaterThan(20);
    for (const [name = '', value] of rows)
      expect([name, String((limits as Record<string, unknown>)[name])]).toEqual([name, value]);
    const mentioned = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map((match) => match[1] ?? '');
    const known = new Set<string>([...rows.map(([name]) => name ?? ''), ...WIRE_CODES, 'GET_CHUNK', 'GET_MANIFEST', 'GET_RANGE']);
    expect(mentioned.filter((name) => !known.has(name))).toEqual([]);
  });

  test('lists every error code, and no other', () => {
    expect(tableUnder('9. Errors').map(([code]) => code)).toEqual([...WIRE_CODES]);
  });

  test.each(['LOOKUP  a', ' LOOKUP a', 'LOOKUP a ', 'LOOKUP\ta', 'LOOKUP a b', 'REGISTER @a 1 *:1', 'REGISTER a 01 *:1'])(
    'is held to where it calls %j a bad request',
    (line) => {
      expect(errorCode(() => parseTrackerRequest(line))).toBe('BAD_REQUEST');
    },
  );
});
