/** `peer serve`: a node that stays, until it is stopped. */
import { resolve } from 'node:path';
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { PUSH_FLAGS, pushOptionsOf } from '../push/push-flags.js';
import { idleScrubOf, SCRUB_FLAGS } from '../scrub/scrub-flags.js';
import {
  CONTENT_FLAGS,
  contentOptionsOf,
  JSON_FLAG,
  LIMIT_FLAGS,
  limitsOf,
  QUIET_FLAG,
  SERVE_FLAGS,
  serveOptionsOf,
  TRACKER_FLAG,
  UDP_FLAG,
} from './common-flags.js';
import { listenForStop } from './stop-signal.js';
import { trackersToUse } from './tracker-choice.js';

export const serveCommand: CommandSpec = {
  name: 'serve',
  summary: 'stay: share, keep sharing what is fetched, and do the work of the other commands',
  args: [{ name: 'path', help: 'files and folders to share while it runs', isOptional: true, isVariadic: true, isPath: true }],
  flags: [
    TRACKER_FLAG,
    UDP_FLAG,
    ...SERVE_FLAGS,
    ...CONTENT_FLAGS,
    ...LIMIT_FLAGS,
    ...PUSH_FLAGS,
    ...SCRUB_FLAGS,
    JSON_FLAG,
    QUIET_FLAG,
  ],
  examples: [
    'peer serve --tracker 192.168.1.5:4700',
    'peer serve /data/shared --limit-up 10M --port 4701',
    'peer serve --accept --accept-dir /data/received',
    'peer serve --json >> peer.log &',
  ],
  run: runServe,
};

async function runServe(input: CommandInput): Promise<number> {
  const content = contentOptionsOf(input);
  const options = {
    ...content,
    paths: content.paths.map((path) => resolve(path)),
    ...serveOptionsOf(input),
    limits: limitsOf(input),
    isUdp: input.switch('udp') === true,
    push: pushOptionsOf(input),
    scrub: idleScrubOf(input),
    isJson: input.switch('json') === true,
    isQuiet: input.switch('quiet') === true,
    trackers: await trackersToUse(input),
  } as const;
  const stop = listenForStop('Nothing is shared any more.');
  try {
    // Loaded for this command alone.
    const { runServing } = await import('./serve-run.js');
    return await runServing(options, stop, () => stop.stop(new ShoalError('STOPPED', 'local', 'Stopped by a command.')));
  } finally {
    stop.close();
  }
}
