/** The `peer` program: its commands. */
import type { ProgramSpec } from '../../common/cli/command-spec.js';
import { completionCommand } from '../../common/cli/completion.js';
import { packageVersion } from '../../common/node/version.js';
import { catCommand } from './cat.js';
import { fetchCommand } from './fetch.js';
import { infoCommand } from './info.js';
import { listCommand } from './list.js';
import { peersCommand } from './peers.js';
import { pushCommand } from './push.js';
import { searchCommand } from './search.js';
import { serveCommand } from './serve.js';
import { shareCommand } from './share.js';
import { statsCommand } from './stats.js';
import { statusCommand } from './status.js';
import { stopCommand } from './stop.js';
import { unshareCommand } from './unshare.js';
import { verifyCommand } from './verify.js';

export const program: ProgramSpec = {
  name: 'peer',
  summary: 'Share files, and fetch them from everyone who has them.',
  version: packageVersion(),
  envPrefix: 'SHOAL',
  commands: [
    shareCommand,
    fetchCommand,
    catCommand,
    pushCommand,
    verifyCommand,
    searchCommand,
    infoCommand,
    listCommand,
    peersCommand,
    serveCommand,
    statusCommand,
    statsCommand,
    unshareCommand,
    stopCommand,
    completionCommand(() => program),
  ],
};
