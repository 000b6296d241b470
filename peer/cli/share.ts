/** `peer share`: reads its flags and shares until a signal comes. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { realDisk } from '../../common/node/disk.js';
import { checkPaths } from '../share/scan.js';
import {
  CONTENT_FLAGS,
  contentOptionsOf,
  JSON_FLAG,
  LIMIT_FLAGS,
  limitsOf,
  NODE_FLAG,
  QUIET_FLAG,
  SERVE_FLAGS,
  serveOptionsOf,
  TRACKER_FLAG,
  trackersOf,
  UDP_FLAG,
} from './common-flags.js';
import { runningNode } from './running-node.js';
import { runSharing, type ShareRunOptions } from './share-run.js';
import { listenForStop } from './stop-signal.js';
import { trackersToUse } from './tracker-choice.js';

export const shareCommand: CommandSpec = {
  name: 'share',
  summary: 'share files and folders until it is stopped',
  args: [{ name: 'path', help: 'files and folders to share', isOptional: true, isVariadic: true, isPath: true }],
  flags: [
    TRACKER_FLAG,
    UDP_FLAG,
    ...SERVE_FLAGS,
    ...CONTENT_FLAGS,
    ...LIMIT_FLAGS,
    { name: 'stay', type: 'switch', help: 'hand it to the running peer for good, and return' },
    NODE_FLAG,
    JSON_FLAG,
    QUIET_FLAG,
  ],
  examples: [
    'peer share ubuntu.iso',
    'peer share ubuntu.iso --stay',
    'peer share photos/ notes.txt --tracker 192.168.1.5:4700',
    'peer share photos/ --limit-up 10M --limit-lan no',
    'peer share model.bin --tracker a.example:4700 --tracker b.example:4700 --port 4701',
  ],
  run: runShare,
};

async function runShare(input: CommandInput): Promise<number> {
  const content = contentOptionsOf(input);
  if (content.paths.length === 0) {
    throw new ShoalError(
      'USAGE',
      'local',
      'Nothing to share: name a file or a folder, or set directory= in the configuration file.',
    );
  }
  const options = {
    ...content,
    trackers: trackersOf(input),
    ...serveOptionsOf(input),
    limits: limitsOf(input),
    isUdp: input.switch('udp') === true,
    isJson: input.switch('json') === true,
    isQuiet: input.switch('quiet') === true,
  } as const;
  const isStaying = input.switch('stay') === true;
  const stop = listenForStop('Nothing is shared any more.');
  try {
    const node = await nodeFor(input, options);
    if (node !== undefined) {
      const { shareThrough } = await import('./through-node.js');
      return await shareThrough(node, { ...options, isStaying }, stop);
    }
    if (isStaying) {
      const text = 'No peer runs here that could go on sharing it as these flags say. "peer serve" starts one.';
      throw new ShoalError('USAGE', 'local', text);
    }
    await checkPaths(realDisk, content.paths);
    return await runSharing({ ...options, trackers: await trackersToUse(input) }, stop);
  } finally {
    stop.close();
  }
}

function nodeFor(input: CommandInput, { trackers, hashName, isFolderOnly, isJson, isQuiet }: ShareRunOptions) {
  const named = input.list('tracker').length > 0 ? trackers : undefined;
  // Its default cannot be told from its being named.
  const hash = hashName === 'blake3' ? undefined : hashName;
  const note = (text: string) => void (isJson || isQuiet || process.stderr.write(`${text}\n`));
  return runningNode(input, { trackers: named, areTrackersAll: true, hash, isFolderOnly }, note);
}
