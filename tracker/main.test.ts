/** The built command, as a stranger meets it: a process, its streams, its exit code, and a raw socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { udpPort } from '../common/node/udp.js';
import { commandFile } from '../common/testkit/repo-root.js';
import { RawClient } from './testkit/raw-client.js';

const MAIN = commandFile('tracker');
const children: ChildProcess[] = [];

interface Run {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  out: string;
  err: string;
}

function start(...args: string[]): Run {
  const env = { PATH: process.env['PATH'], XDG_CONFIG_HOME: '/nonexistent' };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const run: Run = { child, out: '', err: '', exit: once(child, 'close').then(([code]) => code as number | null) };
  child.stdout?.on('data', (bytes: Buffer) => {
    run.out += bytes.toString();
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    run.err += bytes.toString();
  });
  return run;
}

/** The port of the line that says it is ready. */
async function ready(run: Run): Promise<number> {
  while (!run.out.includes('\n') && run.child.exitCode === null && run.child.stdout !== null)
    await once(run.child.stdout, 'data');
  return Number(/^tracker listening on \S+:(\d+)\n$/.exec(run.out)?.[1]);
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('the tracker command', () => {
  test('serves the contract over a raw socket, and CR8: ends cleanly at SIGTERM with exit code 0', async () => {
    const run = start('--host', '127.0.0.1', '--port', '0', '--interval', '5s');
    const port = await ready(run);
    const root = '0123456789abcdef'.repeat(4);
    const client = await RawClient.connect(port);
    client.send(`REGISTER my%20file.bin 1048577 *:5000 root=${root} have=3 load=7\r\n`);
    client.send('LOOKUP my%20file.bin\nalive *:5000 load=9\n');
    client.send(`LOOKUP @${root} max=1\nUNREGISTER *:5000\nLOOKUP my%20file.bin\nNONSENSE\n`);
    expect((await client.lines(9)).split('\n')).toEqual([
      'OK interval=5 ttl=10 address=127.0.0.1:5000',
      'OK 1',
      `127.0.0.1:5000 1048577 ${root} have=3 load=7`,
      'OK interval=5 ttl=10',
      'OK 1',
      `127.0.0.1:5000 1048577 ${root} have=3 load=9`,
      'OK 1',
      'OK 0',
      'ERR UNKNOWN_COMMAND This tracker does not know this command; HELP lists those that it knows.',
      '',
    ]);
    client.socket.on('end', () => client.socket.end());
    run.child.kill('SIGTERM');
    expect(await run.exit).toBe(0);
    expect(run.out).toBe(`tracker listening on 127.0.0.1:${port}\n`);
    const messages = run.err
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(['tracker started', 'tracker stopping', 'tracker stopped']);
  });

  test.each([
    [[], true],
    [['--no-udp'], false],
  ])('answers over UDP on the port that it says; with %j: %s', async (args, isUdp) => {
    const run = start('--host', '127.0.0.1', '--port', '0', ...args);
    const port = await ready(run);
    let heard = '';
    const note = (text: string) => {
      heard = text;
    };
    const socket = await udpPort.connect(
      { host: '127.0.0.1', port },
      { datagram: (bytes) => note(Buffer.from(bytes).toString('utf8', 9)), failed: ({ message }) => note(message) },
    );
    socket.send(Buffer.from('S\0\0\0\0\0\0\0\0hello.txt'));
    while (heard === '') await new Promise(setImmediate);
    expect(heard).toMatch(isUdp ? /^OK 0$/ : /^Nothing listens/);
    await socket.close();
  });

  test('CR8: a second signal ends it at once, while a client holds its connection', async () => {
    const run = start('--host', '127.0.0.1', '--port', '0');
    const client = await RawClient.connect(await ready(run));
    client.send('LOOKUP a\n');
    await client.lines(1);
    run.child.kill('SIGINT');
    while (!run.err.includes('tracker stopping') && run.child.stderr !== null) await once(run.child.stderr, 'data');
    run.child.kill('SIGINT');
    expect(await run.exit).toBe(130);
    await client.close();
  });

  test('a port that is taken is said, with exit code 6', async () => {
    const first = start('--host', '127.0.0.1', '--port', '0');
    const port = await ready(first);
    const second = start('--host', '127.0.0.1', '--port', String(port));
    expect(await second.exit).toBe(6);
    expect(second.err).toBe(`tracker: 127.0.0.1:${port} is taken by another program; choose another --port.\n`);
    expect(second.out).toBe('');
  });

  test.each([
    [['--port', '70000'], '--port must be a number from 0 to 65535, not "70000"'],
    [['--port', 'x'], '--port must be a number'],
    [['--interval', 'soon'], '--interval takes a duration such as 30s, 90m or 12h, not "soon"'],
    [['--interval', '1500ms'], '--interval must be whole seconds'],
    [['--interval', '60s', '--ttl', '60s'], '--ttl must be longer than --interval'],
    [['--max-entries', '0'], '--max-entries must be a number from 1'],
    [['--log-level', 'loud'], '--log-level must be one of'],
    [['--wat'], "unknown option '--wat'"],
    [['extra'], 'too many arguments'],
  ])('bad flags %j end with exit code 2 and one clear sentence', async (args, message) => {
    const run = start(...args);
    expect(await run.exit).toBe(2);
    expect(run.err).toContain(message);
    expect(run.err).not.toContain('    at ');
    expect(run.out).toBe('');
  });

  test('--completion prints a script for a shell', async () => {
    const run = start('--completion', 'bash');
    expect(await run.exit).toBe(0);
    expect(run.out).toContain('complete -o filenames -F _tracker_complete tracker');
    expect(run.out).toContain('--max-connections');
  });
});
