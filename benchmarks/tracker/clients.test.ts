/** The benchmark's own clients against small servers that do what the test says. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { DatagramClient, type Dialect, WINDOW_COUNT } from './datagram-client.js';
import { LineClient } from './line-client.js';

/** A letter, then four bytes of a number; the reply to `g` is the key. */
const dialect: Dialect = {
  greeting: Buffer.from('g----'),
  keyOf: (reply) => Buffer.from(reply.subarray(5)),
  requestIdAt: 1,
  replyIdAt: 1,
  isAnswer: (reply) => reply[0] === 'a'.charCodeAt(0),
};

describe('datagram client', () => {
  let server: Socket;
  let client: DatagramClient | undefined;

  /** A server that answers with what `answer` makes of the letter of a request: as many replies, each with its letter. */
  async function connected(answer: (letter: string) => string): Promise<DatagramClient> {
    server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    server.on('message', (request, from) => {
      const letters = request[0] === 'g'.charCodeAt(0) ? 'a' : answer(String.fromCharCode(request[0] ?? 0));
      for (const letter of letters) {
        server.send(Buffer.concat([Buffer.from(letter), request.subarray(1, 5), Buffer.from('key')]), from.port, from.address);
      }
    });
    client = await DatagramClient.connect(server.address().port, dialect);
    return client;
  }

  afterEach(async () => {
    client?.close();
    server.close();
    await once(server, 'close');
  });

  test('counts what is answered, once, and what is lost', async () => {
    const one = await connected((letter) => (letter === 'd' ? '' : letter === 't' ? 'aa' : 'a'));
    expect(one.key.toString()).toBe('key');
    const requests = ['d', 't', 'x', 'x'].map((letter) => Buffer.from(`${letter}----`));
    const count = { answeredCount: (3 * WINDOW_COUNT) / 4, lostCount: WINDOW_COUNT / 4 };
    expect(await one.run(requests, 0)).toEqual(count);
    await one.greet();
    expect(await one.run(requests, 0)).toEqual(count);
  });

  test('throws what the server says where it refuses', async () => {
    const one = await connected(() => 'E');
    await expect(one.run([Buffer.from('x----')], 0)).rejects.toThrow(/refused: E.{4}key/);
  });
});

describe('line client', () => {
  let server: Server;

  async function connected(reply: (request: string) => readonly string[]): Promise<LineClient> {
    server = createServer((socket) => {
      socket.on('data', (bytes) => {
        for (const part of reply(bytes.toString())) socket.write(part);
      });
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return LineClient.connectPatiently((server.address() as AddressInfo).port);
  }

  afterEach(async () => {
    server.close();
    await once(server, 'close');
  });

  test('waits for every line of a batch, and for every row of a reply', async () => {
    const client = await connected((request) =>
      request.startsWith('B') ? [':1\r\n:1\r', '\n:1\r\n'] : ['OK 2 next=', 'x\na\n', 'b\n'],
    );
    await client.send('BBB', 3);
    expect(await client.ask('LIST')).toEqual(['OK 2 next=x', 'a', 'b']);
    client.close();
  });

  test('a reply that counts no rows is one line; a refusal is thrown', async () => {
    const client = await connected((request) => [
      request.startsWith('ALIVE') ? 'OK interval=30 ttl=60\n' : 'ERR LIMIT Too many.\n',
    ]);
    expect(await client.ask('ALIVE *:1')).toEqual(['OK interval=30 ttl=60']);
    await expect(client.ask('REGISTER')).rejects.toThrow('ERR LIMIT');
    client.close();
  });
});
