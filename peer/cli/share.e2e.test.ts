/** The built `peer share` command as a process of its own. The tracker is a scripted one, so that what it is told can be read. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseLink } from '../../common/core/link.js';
import { commandFile } from '../../common/testkit/repo-root.js';
import { ScriptedTracker, yes } from '../testkit/scripted-tracker.js';

const MAIN = commandFile('peer');

/** A command whose output can be waited for. */
class Command {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly out: string[] = [];
  err = '';
  #wake: () => void = () => undefined;

  constructor(args: readonly string[], cacheFolder: string) {
    const env = { ...process.env, SHOAL_CACHE_DIR: cacheFolder, XDG_CONFIG_HOME: cacheFolder, SHOAL_STATE_DIR: cacheFolder };
    this.child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.exit = new Promise((resolve) => this.child.on('exit', (code) => resolve(code)));
    if (this.child.stdout !== null) {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        this.out.push(line);
        this.#wake();
      });
    }
    this.child.stderr?.on('data', (text: Buffer) => {
      this.err += text.toString();
      this.#wake();
    });
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

let folder: string;
let tracker: ScriptedTracker;
let commands: Command[];

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-e2e-')));
  tracker = new ScriptedTracker(yes);
  commands = [];
});
afterEach(async () => {
  for (const command of commands) command.child.kill('SIGKILL');
  await Promise.all(commands.map((command) => command.exit));
  await tracker.close();
  await rm(folder, { recursive: true, force: true });
});

function run(...args: string[]): Command {
  const command = new Command(args, join(folder, '.cache'));
  commands.push(command);
  return command;
}

async function ask(port: number, line: string): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.end(`${line}\n`);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe('peer share', () => {
  test('CR8: prints a line and a link, serves the bytes by both, and says goodbye at SIGTERM', async () => {
    await tracker.start();
    const bytes = randomBytes(700_000);
    await writeFile(join(folder, 'päth with space'), bytes);
    const command = run('share', join(folder, 'päth with space'), '--tracker', `127.0.0.1:${tracker.address.port}`);
    await command.until(() => command.out.length >= 2);
    const match = /^sharing (\S+) 700000 ([0-9a-f]{64}) at 127\.0\.0\.1:([0-9]+)$/.exec(command.out[0] ?? '');
    expect(match?.[1]).toBe('päth%20with%20space');
    const link = parseLink(command.out[1] ?? '');
    expect(link).toMatchObject({ root: match?.[2], name: 'päth with space', sizeBytes: 700_000 });
    const port = Number(match?.[3]);
    const reply = await ask(port, `GET_CHUNK päth%20with%20space 1`);
    expect(reply.subarray(reply.indexOf(10) + 1).equals(bytes.subarray(524_288))).toBe(true);
    expect((await ask(port, `GET_CHUNK @${match?.[2]} 0`)).subarray(7).equals(bytes.subarray(0, 524_288))).toBe(true);
    expect(await tracker.told(/^REGISTER /)).toBe(`REGISTER päth%20with%20space 700000 *:${port} root=${match?.[2]} load=0`);
    command.child.kill('SIGTERM');
    expect(await command.exit).toBe(0);
    expect(await tracker.told(/^UNREGISTER /)).toBe(`UNREGISTER *:${port}`);
  });

  test('CR8: a second signal ends it at once, though the tracker does not answer its goodbye', async () => {
    let isMute = false;
    await tracker.close();
    tracker = new ScriptedTracker((line) => (isMute ? undefined : yes(line)));
    await tracker.start();
    await writeFile(join(folder, 'file'), 'x');
    const command = run('share', join(folder, 'file'), '--tracker', `127.0.0.1:${tracker.address.port}`);
    await command.until(() => command.out.length >= 2);
    isMute = true;
    command.child.kill('SIGTERM');
    await tracker.told(/^UNREGISTER /);
    command.child.kill('SIGTERM');
    // One signal ends a share well, with 0.
    expect(await command.exit).toBe(7);
  });

  test('a folder is one line and one link; its files are registered under its name', async () => {
    await tracker.start();
    await mkdir(join(folder, 'in', 'deep'), { recursive: true });
    for (let index = 0; index < 30; index += 1) await writeFile(join(folder, 'in', 'deep', `f${index}`), randomBytes(index));
    const command = run('share', join(folder, 'in'), '--tracker', `127.0.0.1:${tracker.address.port}`, '--json');
    await command.until(() => command.out.some((line) => line.includes('"sharing"')));
    const events = command.out.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.filter((event) => event['event'] === 'sharing')).toMatchObject([{ name: 'in', files: 30 }]);
    await tracker.told(/^REGISTER in\/deep\/f29 29 /);
    expect(await tracker.told(/^REGISTER in [0-9]/)).toContain(' type=application/x-shoal-folder');
    command.child.kill('SIGINT');
    expect(await command.exit).toBe(0);
    expect(command.err).toBe('');
  });

  test('FS11: a file that is replaced is shared anew under its new root, and the old one is gone', async () => {
    await tracker.start();
    const path = join(folder, 'file');
    await writeFile(path, 'one');
    await utimes(path, 1, 1);
    const command = run('share', path, '--tracker', `127.0.0.1:${tracker.address.port}`);
    await command.until(() => command.out.length >= 2);
    const [, formerRoot, port] = /3 ([0-9a-f]{64}) at 127\.0\.0\.1:([0-9]+)$/.exec(command.out[0] ?? '') ?? [];
    await writeFile(join(folder, 'next'), 'second');
    await rename(join(folder, 'next'), path);
    await command.until(() => command.out.length >= 4);
    expect(command.out[2]).toMatch(/^sharing file 6 [0-9a-f]{64} at /);
    expect((await ask(Number(port), 'GET_CHUNK file 0')).toString()).toBe('6\nsecond');
    expect((await ask(Number(port), `GET_CHUNK @${formerRoot} 0`)).toString()).toMatch(/^ERR NOT_FOUND /);
    expect(await tracker.told(/^WITHDRAW /)).toBe(`WITHDRAW file *:${port} root=${formerRoot}`);
    expect(command.err).toContain('"file" has changed');
  });

  test('NW6: with the tracker down it says so once, serves, and registers when the tracker comes', async () => {
    await tracker.start();
    await tracker.close();
    await writeFile(join(folder, 'file'), 'x');
    const command = run('share', join(folder, 'file'), '--tracker', `127.0.0.1:${tracker.address.port}`);
    await command.until(() => command.err.includes('Nothing listens at'));
    await tracker.start();
    await command.until(() => command.out.length >= 2);
    expect(command.err.match(/Nothing listens at/g)).toHaveLength(1);
    await command.until(() => command.err.includes('is back'));
    command.child.kill('SIGTERM');
    expect(await command.exit).toBe(0);
  });

  const NOWHERE = ['--tracker', '127.0.0.1:1'];

  test.each([
    ['a path that is not there', ['share', '/nothing/here'], 3, /no file or folder/],
    ['no path', ['share'], 2, /Nothing to share/],
    ['a host name to announce', ['share', MAIN, ...NOWHERE, '--announce', 'host.example:1'], 2, /--announce takes an IP address/],
    ['a bad port', ['share', MAIN, '--port', '70000'], 2, /--port takes/],
    ['a bad tracker', ['share', MAIN, '--tracker', 'a:b:c'], 2, /no host:port/],
    ['an address that is not ours', ['share', MAIN, ...NOWHERE, '--host', '198.51.100.1'], 6, /no address of this machine/],
    ['a limit of nothing', ['share', MAIN, '--limit-up', '0'], 2, /--limit-up takes bytes a second \(for example 10M, /],
    [
      'a limit that serves nobody',
      ['share', MAIN, '--limit-up', '31k'],
      2,
      /32k is the least, with which a chunk takes 16 seconds/,
    ],
    ['a limit without its unit', ['share', MAIN, '--limit-down-peer', '10'], 2, /--limit-down-peer takes .*, not "10"/],
    ['a limit that is no rate', ['share', MAIN, '--limit-up-peer', 'fast'], 2, /--limit-up-peer takes/],
    ['a LAN that is neither limited nor not', ['share', MAIN, '--limit-lan', 'maybe'], 2, /must be one of yes, no/],
    ['another hash', ['share', MAIN, '--hash', 'md5'], 2, /blake3, sha256/],
  ])('%s ends with one sentence and the right exit code', async (_what, args, exitCode, text) => {
    const command = run(...args);
    expect(await command.exit).toBe(exitCode);
    expect(command.err).toMatch(text);
    expect(command.err).not.toMatch(/\n\s+at /);
    expect(command.out).toEqual([]);
  });
});
