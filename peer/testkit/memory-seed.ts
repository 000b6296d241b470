/** The program's own server, with one content that it holds in memory: an honest peer on any network. */
import { manifestFromRaw } from '../../common/core/manifest.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ListenPort } from '../../common/ports/net.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import { ChunkServer } from '../net/server.js';
import { fullHolding } from '../share/holding.js';
import { ShareIndex } from '../share/share-index.js';
import type { TestContent } from './test-content.js';

const PORT = 4701;

export interface MemorySeed {
  readonly address: PeerAddress;
  /** Chunks that it was asked for. */
  readonly readCount: number;
  close(): Promise<void>;
}

/** `readMs`: what it takes to read a chunk. */
export async function startMemorySeed(
  ports: { readonly listener: ListenPort; readonly clock: Clock },
  content: TestContent,
  host: string,
  readMs = 1,
): Promise<MemorySeed> {
  const index = new ShareIndex();
  const { name, root, bytes } = content;
  const manifest = manifestFromRaw(unpackMsgpack(content.manifest));
  index.add({ name, root, manifest, holding: fullHolding(content.chunkCount), source: { kind: 'memory', bytes } });
  let readCount = 0;
  const reader = {
    read: (_content: unknown, { offset, lengthBytes }: { offset: number; lengthBytes: number }, into: Uint8Array) => {
      readCount += 1;
      into.set(bytes.subarray(offset, offset + lengthBytes));
      return new Promise<void>((resolve) => ports.clock.setTimer('read', readMs, resolve));
    },
  };
  const server = await ChunkServer.listen({ ...ports, index, reader }, { host, port: PORT });
  return {
    address: { ip: host, port: PORT },
    get readCount() {
      return readCount;
    },
    close: () => server.close(),
  };
}
