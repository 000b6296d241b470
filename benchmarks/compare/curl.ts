/** curl from nginx in the comparison: one connection, nothing verified. It is the yardstick, for no work is left out but that. */
import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { freePorts, LocalProcess } from '../processes.js';
import { measureFetch, type Program, printedBy, shownCommand, TOOL_ENV } from './program.js';

/** Milliseconds in which nginx has to answer. */
const READY_MS = 30_000;

export const curl: Program = {
  name: 'curl from nginx',
  packages: ['curl', 'nginx-light'],

  version() {
    const versions = [printedBy('curl', ['--version']), printedBy('nginx', ['-v'])].map(
      (text) => text && /(curl |nginx\/)[0-9.]+/.exec(text)?.[0],
    );
    return versions.every((version) => version) ? versions.join(', ') : undefined;
  },

  async prepare({ folder, samplePath, targetPath, limitMs, atEnd }) {
    const [port = 0] = await freePorts(1);
    const configPath = join(folder, 'nginx.conf');
    const config = nginxConfig(folder, dirname(samplePath), port);
    writeFileSync(configPath, config);
    const serverArgs = ['-e', 'stderr', '-c', configPath];
    const url = `http://127.0.0.1:${port}/${basename(samplePath)}`;
    const quiet = ['--silent', '--show-error', '--fail'];
    const args = [...quiet, '--output', targetPath, url];
    const nginx = new LocalProcess('nginx', 'nginx', serverArgs, TOOL_ENV);
    atEnd(() => nginx.stop());
    const start = (words: readonly string[]) => new LocalProcess('curl', 'curl', words, TOOL_ENV);
    await start([...quiet, '--head', '--retry', '20', '--retry-delay', '1', '--retry-connrefused', url]).end(READY_MS);
    return {
      commands: [
        shownCommand(folder, 'nginx', serverArgs),
        shownCommand(folder, `with ${config.replace(/\s+/g, ' ').trim()}`, []),
        shownCommand(folder, 'curl', args),
      ],
      fetchOnce: () => measureFetch(() => start(args), [nginx], limitMs),
    };
  },
};

/** One process that is its own worker, so that none is left over whatever happens; files by `sendfile`, nothing written but the pid. */
function nginxConfig(folder: string, root: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/nginx-${kind};`,
  );
  return `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid;
events { worker_connections 64; }
http {
  access_log off; sendfile on; tcp_nopush on; ${temporary.join(' ')}
  server { listen 127.0.0.1:${port}; root ${root}; }
}
`;
}
