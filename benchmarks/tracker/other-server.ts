/** A server of somebody else that takes part where it is installed. */

import { printedBy, shownCommand, TOOL_ENV } from '../compare/program.js';
import { freePorts, LocalProcess } from '../processes.js';
import type { ProgramUsed } from '../report.js';

export interface OtherServer {
  readonly name: string;
  /** The Debian packages that it needs. */
  readonly packages: readonly string[];
  /** Its program, and what it is started with to listen at a port of loopback. */
  readonly file: string;
  args(port: number, folder: string): readonly string[];
}

export interface RunningServer {
  readonly port: number;
  readonly process: LocalProcess;
  readonly used: ProgramUsed;
}

/** Redis keeps nothing on disk here, as a tracker does. */
export const REDIS: OtherServer = {
  name: 'redis',
  packages: ['redis-server'],
  file: 'redis-server',
  args: (port) => ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
};

export const OPENTRACKER: OtherServer = {
  name: 'opentracker',
  packages: ['opentracker'],
  file: 'opentracker',
  args: (port, folder) => ['-i', '127.0.0.1', '-p', `${port}`, '-P', `${port}`, '-d', folder],
};

/** Its version as its package has it; `undefined` where it is not installed. */
export function versionOf({ file, packages }: OtherServer): string | undefined {
  if (printedBy('command', ['-v', file]) === undefined) return undefined;
  return printedBy('dpkg-query', ['--show', ...packages])?.replace('\t', ' ') ?? 'of unknown version';
}

/** Starts it on a free port; it may not listen yet. `undefined` where it is not installed. */
export async function startOther(server: OtherServer, folder: string): Promise<RunningServer | undefined> {
  const version = versionOf(server);
  if (version === undefined) return undefined;
  const [port = 0] = await freePorts(1);
  const args = server.args(port, folder);
  const process = new LocalProcess(server.name, server.file, args, TOOL_ENV);
  const command = shownCommand(
    folder,
    server.file,
    args.map((arg) => (arg === '' ? "''" : arg)),
  );
  return { port, process, used: { name: server.name, version, commands: [command] } };
}
