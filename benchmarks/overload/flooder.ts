/**
 * A process that floods a port of loopback until it is ended, so that who measures meanwhile is not what is slow:
 * `flooder.js datagrams PORT RATE` sends junk, so many a second; `flooder.js lookups PORT CONNECTIONS FILES` asks as fast as it is answered.
 * It prints `sent <number a second>` once a second.
 */
import { randomFillSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

/** Milliseconds between two bursts. */
const BURST_MS = 5;
const DATAGRAM_MAX_BYTES = 200;
const KINDS_COUNT = 64;
/** Requests that a connection writes at once: 500 connections have as many waiting as a tracker answers in ten seconds. */
const WRITTEN_COUNT = 5000;

let sentCount = 0;
const startedMs = performance.now();

function floodDatagrams(port: number, perSecond: number): void {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  // Some look like requests, so that they are looked at.
  const kinds = Array.from({ length: KINDS_COUNT }, (_, at) => {
    const bytes = randomFillSync(Buffer.alloc(1 + ((at * 7) % DATAGRAM_MAX_BYTES)));
    if (at % 2 === 0) bytes[0] = 'RSQL'.charCodeAt(at % 4);
    return bytes;
  });
  setInterval(() => {
    const dueCount = ((performance.now() - startedMs) * perSecond) / 1000;
    for (; sentCount < dueCount; sentCount += 1) socket.send(kinds[sentCount % KINDS_COUNT] ?? '', port, '127.0.0.1');
  }, BURST_MS);
}

function floodLookups(port: number, connectionCount: number, fileCount: number): void {
  const requests = Buffer.from(
    Array.from({ length: WRITTEN_COUNT }, (_, at) => `LOOKUP file-${(at * 7) % fileCount}\n`).join(''),
  );
  for (let nth = 0; nth < connectionCount; nth += 1) {
    const socket = connect(port, '127.0.0.1', () => write());
    const write = () => {
      if (socket.destroyed) return;
      sentCount += WRITTEN_COUNT;
      socket.write(requests, write);
    };
    socket.on('error', () => undefined);
    socket.resume();
  }
}

const [kind, ...numbers] = process.argv.slice(2);
const [port = 0, first = 0, second = 0] = numbers.map(Number);
if (kind === 'datagrams') floodDatagrams(port, first);
else floodLookups(port, first, second);
setInterval(() => process.stdout.write(`sent ${Math.round(sentCount / ((performance.now() - startedMs) / 1000))}\n`), 1000);
