/** The control socket of a node, for real: a Unix socket in a folder of its own. Strangers of the same user say anything to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../../common/node/clock.js';
import { ControlClient } from '../../../peer/serve/control-client.js';
import { CONTROL_VERSION, parseControlReply } from '../../../peer/serve/control-protocol.js';
import { ControlServer } from '../../../peer/serve/control-server.js';
import { type Judge, law, same, seedOf, type Target } from '../target.js';
import { controlLines } from './local-files.js';

const settings = {
  trackers: [],
  host: '',
  port: 0,
  announce: null,
  limits: '',
  hash: 'blake3',
  isFolderOnly: false,
  isUdp: false,
};
const hello = { protocol: CONTROL_VERSION, version: '0', pid: 1, settings };

class ControlJudge implements Judge {
  readonly #folder: string;
  #server: ControlServer | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get #path(): string {
    return join(this.#folder, 'private', 'control');
  }

  static async open(): Promise<ControlJudge> {
    const judge = new ControlJudge(await mkdtemp(join(tmpdir(), 'shoal-fuzz-')));
    judge.#server = await ControlServer.listen(judge.#path, {
      hello,
      answer: async ({ request }, { event }) => {
        event({ event: 'asked', request });
        return { request };
      },
    });
    return judge;
  }

  async judge(input: Uint8Array): Promise<string> {
    const text = await this.#told(input);
    const lines = text.split('\n');
    same(lines.pop(), '', 'what is said is whole lines');
    const kinds = lines.map((line) => {
      const reply = parseControlReply(line);
      if ('error' in reply) return reply.error.code;
      return Object.keys(reply)[0] ?? '';
    });
    same(kinds[0], 'hello', 'it says who it is, first');
    const lineCount = input.filter((byte) => byte === 0x0a).length;
    law(kinds.length <= 2 + 2 * lineCount, 'a line has at most an event and an end');
    return kinds.slice(1, 9).join(' ') || 'silence';
  }

  /** What it says to somebody who says this, then goodbye. */
  #told(input: Uint8Array): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = '';
      const socket: Socket = connect({ path: this.#path });
      socket.setEncoding('utf8');
      socket.on('data', (part: string) => {
        text += part;
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
      const half = input.length === 0 ? 0 : seedOf(input) % input.length;
      socket.write(input.subarray(0, half));
      socket.end(new Uint8Array(input.subarray(half)));
    });
  }

  async settle(): Promise<void> {
    const client = await ControlClient.connect(this.#path, realClock);
    law(client !== undefined, 'the node is there');
    same(await client.ask({ request: 'status' }, {}), { request: 'status' }, 'a command of the user is answered');
    client.close();
    for (let tries = 0; tries < 1000 && this.#server?.sessionCount !== 0; tries += 1)
      await new Promise((resolve) => setImmediate(resolve));
    same(this.#server?.sessionCount, 0, 'every session is forgotten');
  }

  async close(): Promise<void> {
    await this.#server?.stop();
    this.#server?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export const controlServer: Target = {
  name: 'control-server',
  inputMaxBytes: 40_000,
  tokens: controlLines.tokens,
  testCount: 200,
  heldToCount: 20_000,
  generate: controlLines.generate,
  open: () => ControlJudge.open(),
};
