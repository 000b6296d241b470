/** A sharing peer on a simulated network: strangers say anything to it, and between batches somebody honest gets every byte. */
import { chunkCount } from '../../../common/core/chunks.js';
import { parseFileName } from '../../../common/core/file-name.js';
import { CHUNK_BYTES } from '../../../common/core/limits.js';
import { contentRoot } from '../../../common/core/root.js';
import { realDisk } from '../../../common/node/disk.js';
import { hashFunction } from '../../../common/node/hash.js';
import { ChunkServer } from '../../../peer/net/server.js';
import { ChunkReader } from '../../../peer/share/chunk-reader.js';
import { fullHolding } from '../../../peer/share/holding.js';
import { ShareIndex } from '../../../peer/share/share-index.js';
import type { SharedContent } from '../../../peer/share/shared-content.js';
import { SimWorld } from '../sim-world.js';
import { type Judge, law, same, seedOf, type Target } from '../target.js';
import { linesOf, wordsOf } from '../text-grammar.js';
import { PEER_TEMPLATES } from './peer-lines.js';

const HOST = '10.0.0.1';
const PORT = 5000;

/** A chunk and a little more: what `a` is, the name that the grammar likes best. */
const CONTENT = Buffer.alloc(CHUNK_BYTES + 70, 'shoal');

const PATIENCE_MS = 15_000;

function sharedContent(): SharedContent {
  const hash = hashFunction('blake3');
  const hashes = new Uint8Array(Buffer.concat([hash(CONTENT.subarray(0, CHUNK_BYTES)), hash(CONTENT.subarray(CHUNK_BYTES))]));
  const manifest = {
    name: parseFileName('a'),
    sizeBytes: CONTENT.length,
    chunkBytes: CHUNK_BYTES,
    hashName: 'blake3',
    hashes,
  } as const;
  const holding = fullHolding(chunkCount(CONTENT.length));
  return {
    name: manifest.name,
    root: contentRoot(manifest, hash),
    manifest,
    source: { kind: 'memory', bytes: CONTENT },
    holding,
  };
}

class ServerJudge implements Judge {
  readonly #world = new SimWorld();
  readonly #reader = new ChunkReader(realDisk, { changed: () => undefined });
  #server: ChunkServer | undefined;

  static async open(): Promise<ServerJudge> {
    const judge = new ServerJudge();
    const index = new ShareIndex();
    index.add(sharedContent());
    const { clock } = judge.#world;
    const desk = {
      status: () => ({ load: 1, slotCount: 8, usedSlotCount: 0, waitingCount: 0, rateBytes: 0, fileCount: 1, version: '0' }),
      push: async () => ({ state: 'waiting', haveChunks: 0, chunkCount: 1 }) as const,
    };
    const ports = { listener: judge.#world.host(HOST).listenPort, clock, index, reader: judge.#reader };
    judge.#server = await ChunkServer.listen(ports, { host: HOST, port: PORT, desk, id: '00000000000000aa' });
    return judge;
  }

  async judge(input: Uint8Array): Promise<string> {
    const end = await this.#world.dial(`192.0.2.${1 + (seedOf(input) % 200)}`, { host: HOST, port: PORT });
    end.write(input);
    if ((seedOf(input) & 15) === 0) {
      end.destroy();
      return 'cut';
    }
    end.end();
    const { clock } = this.#world;
    await clock.run({ untilMs: clock.nowMs() + PATIENCE_MS, isOver: () => end.isEnded || end.isClosed });
    law(end.isEnded || end.isClosed, 'whoever says goodbye is let go');
    end.destroy();
    const requestCount = 1 + input.filter((byte) => byte === 0x0a).length;
    law(end.receivedBytes <= requestCount * (CHUNK_BYTES + 4096), 'what is answered is bounded by what was asked');
    return repliesIn(end.bytes, requestCount);
  }

  async settle(): Promise<void> {
    const end = await this.#world.dial('10.9.9.9', { host: HOST, port: PORT });
    end.write(Buffer.from('GET_CHUNK a 0\nGET_CHUNK a 1\nGET_CHUNK a 2\n'), true);
    await this.#world.pass(200);
    const right = Buffer.concat([
      Buffer.from(`${CHUNK_BYTES}\n`),
      CONTENT.subarray(0, CHUNK_BYTES),
      Buffer.from('70\n'),
      CONTENT.subarray(CHUNK_BYTES),
    ]);
    law(right.equals(end.bytes.subarray(0, right.length)), 'an honest fetcher gets every byte');
    law(/^ERR NOT_FOUND [^\n]*\n$/.test(end.bytes.toString('latin1', right.length)), 'and a refusal where there is nothing');
    end.destroy();
    await this.#world.pass(2000);
    same(this.#server?.streamCount, 0, 'every stream is forgotten');
    same(this.#server?.load.usedSlotCount, 0, 'every slot is given back');
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#reader.close();
  }
}

/** Reads replies as a stranger would: a size and so many bytes, or one line that is no size. Gives the first few as words. */
function repliesIn(bytes: Buffer, mostCount: number): string {
  const words: string[] = [];
  let count = 0;
  for (let at = 0; at < bytes.length; count += 1) {
    const end = bytes.indexOf(0x0a, at);
    law(end >= 0 && end - at < 4096, 'every reply begins with a line');
    const line = bytes.toString('latin1', at, end);
    at = end + 1;
    if (/^(0|[1-9][0-9]*)$/.test(line)) {
      law(at + Number(line) <= bytes.length, 'a body has all the bytes that its header says');
      at += Number(line);
      words.push('body');
    } else {
      const code = /^ERR ([A-Z_]+) [^\u0000-\u001f\u007f]*$/.exec(line)?.[1];
      law(code !== undefined, `a reply is a size or an ERR, not ${JSON.stringify(line)}`);
      words.push(code);
    }
  }
  law(count <= mostCount, 'there are no more replies than lines');
  return words.slice(0, 8).join(' ') || 'silence';
}

export const chunkServer: Target = {
  name: 'chunk-server',
  inputMaxBytes: 20_000,
  tokens: [
    ...wordsOf(PEER_TEMPLATES),
    'GET_CHUNK a 0\n',
    'GET_CHUNK a 1\n',
    'GET_RANGE a 0 1\n',
    'CANCEL a 0\n',
    'HAVE a\n',
    'GET_MANIFEST a\n',
    'LIST\n',
    ' id=00000000000000aa',
  ],
  testCount: 400,
  heldToCount: 50_000,
  generate: (random) => linesOf(PEER_TEMPLATES, random, 8),
  open: () => ServerJudge.open(),
};
