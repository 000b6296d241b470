/** A process that sends datagrams of junk to a port of loopback, as many a second as it is told, until it is ended: `junk.js PORT RATE`. */
import { randomFillSync } from 'node:crypto';
import { createSocket } from 'node:dgram';

/** Milliseconds between two bursts. */
const BURST_MS = 5;
const DATAGRAM_MAX_BYTES = 200;
const KINDS_COUNT = 64;

const [port = 0, perSecond = 0] = process.argv.slice(2).map(Number);
const socket = createSocket('udp4');
socket.on('error', () => undefined);
// Some look like requests, so that they are looked at.
const kinds = Array.from({ length: KINDS_COUNT }, (_, at) => {
  const bytes = randomFillSync(Buffer.alloc(1 + ((at * 7) % DATAGRAM_MAX_BYTES)));
  if (at % 2 === 0) bytes[0] = 'RSQL'.charCodeAt(at % 4);
  return bytes;
});
let sentCount = 0;
const startedMs = performance.now();
setInterval(() => {
  const dueCount = ((performance.now() - startedMs) * perSecond) / 1000;
  for (; sentCount < dueCount; sentCount += 1) socket.send(kinds[sentCount % KINDS_COUNT] ?? '', port, '127.0.0.1');
}, BURST_MS);
setInterval(() => process.stdout.write(`sent ${Math.round(sentCount / ((performance.now() - startedMs) / 1000))}\n`), 1000);
