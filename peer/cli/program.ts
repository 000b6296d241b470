/** The `peer` program: its commands. */
import type { ProgramSpec } from '../../common/cli/command-spec.js';
import { completionCommand } from '../../common/cli/completion.js';
import { packageVersion } from '../../common/node/version.js';
import { catCommand } from './cat.js';
import { fetchCommand } from './fetch.js';
import { pushCommand } from './push.js';
import { serveCommand } from './serve.js';
import { shareCommand } from './share.js';
import { verifyCommand } from './verify.js';

export const program: ProgramSpec = {
  name: 'peer',
  summary: 'Share files, and fetch them from everyone who has them.',
  version: packageVersion(),
  envPrefix: 'SHOAL',
  commands: [shareCommand, fetchCommand, serveCommand, pushCommand, catCommand, verifyCommand, completionCommand(() => program)],
};
