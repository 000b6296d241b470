/** `peer push`: shares something for as long as it takes, offers it to others, and tells who has it in the end. */

import { lstat } from 'node:fs/promises';
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { abortable } from '../../common/core/abortable.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { HostPort } from '../../common/core/peer-address.js';
import { realClock } from '../../common/node/clock.js';
import { ContentFinder } from '../discovery/find-content.js';
import type { TrackerPorts } from '../discovery/open-tracker.js';
import { chooseContent } from '../fetch/choose-content.js';
import { type FetchSource, parseFetchSource } from '../fetch/fetch-source.js';
import type { PeerNode } from '../node.js';
import type { PushContent } from '../push/node-push.js';
import { failedNames, type ReceiverEnd, worstFailure } from '../push/push-all.js';
import { GROUP_FLAG, groupOf } from '../push/push-flags.js';
import { parseReceivers } from '../push/receivers.js';
import {
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
import { HeldEvents } from './held-events.js';
import { withJsonErrors } from './json-errors.js';
import { createProgress, createProgressLines, type Progress } from './progress.js';
import { JsonPushDisplay, PersonPushDisplay, type PushDisplay } from './push-display.js';
import { runningNode } from './running-node.js';
import { ShareReport } from './share-report.js';
import { startNode } from './share-run.js';
import { listenForStop } from './stop-signal.js';
import { trackersToUse } from './tracker-choice.js';
import { trackerPorts } from './tracker-ports.js';

/** What to do after an interruption. */
const GO_ON = 'Who was pushed to keeps what it has; push again to go on.';

export const pushCommand: CommandSpec = {
  name: 'push',
  summary: 'put a file or folder on other peers that take it',
  args: [{ name: 'path|name|link|@root', help: 'a file or folder here, or what is shared by others already', isPath: true }],
  flags: [
    { name: 'to', type: 'list', value: 'who', help: 'a peer address, all, or a number of peers; may be given several times' },
    TRACKER_FLAG,
    UDP_FLAG,
    { ...GROUP_FLAG, help: 'only peers of this group are meant by all and by a number' },
    { name: 'timeout', type: 'text', value: 'TIME', help: 'how long a peer that is gone or busy is tried again', default: '60s' },
    ...SERVE_FLAGS,
    ...LIMIT_FLAGS,
    NODE_FLAG,
    JSON_FLAG,
    QUIET_FLAG,
  ],
  examples: [
    'peer push disk.img --to 192.168.1.7:4701',
    'peer push photos/ --to all --group family --tracker 192.168.1.5:4700',
    'peer push model.bin --to 3 --tracker 192.168.1.5:4700',
  ],
  run: (input) => withJsonErrors(input, runPush),
};

/** Throws the failure that stands for all of them. */
async function runPush(input: CommandInput): Promise<number> {
  const ends = await pushOnce(input);
  const failure = worstFailure(ends);
  if (failure === undefined) return 0;
  const failed = failedNames(ends);
  const wantedCount = ends.filter(({ isReplaced }) => !isReplaced).length;
  const whoHasNot = wantedCount === 1 ? 'The peer does' : `${failed.length} of ${wantedCount} peers do`;
  const message = `${whoHasNot} not have it: ${failed.join(', ')}.`;
  throw new ShoalError(failure.code, failure.fault, message, failure);
}

async function pushOnce(input: CommandInput): Promise<ReceiverEnd[]> {
  const receivers = parseReceivers(input.list('to'));
  const timeoutMs = input.durationMs('timeout', '60s');
  const group = groupOf(input);
  const shown = input.args[0] ?? '';
  const isHere = (await lstat(shown).catch(() => undefined)) !== undefined;
  const source = isHere ? undefined : parseFetchSource(shown);
  const isUdp = input.switch('udp') === true;
  const outlet = { isJson: input.switch('json') === true, isQuiet: input.switch('quiet') === true };
  const progress = await createProgress(outlet);
  // Whoever reads our output may leave; that ends no push.
  process.stdout.on('error', () => undefined);
  const byNode = isHere ? await pushByNode(input, { path: shown, group, timeoutMs }, progress) : undefined;
  if (byNode !== undefined) return byNode;
  // Peers that are named by their addresses need no tracker to be found, nor does what is here.
  const isFindable = source === undefined || source.trackers.length > 0;
  const isEnough = isFindable && !receivers.isAll && receivers.count === 0;
  const trackers = [...(source?.trackers ?? []), ...(isEnough ? trackersOf(input) : await trackersToUse(input))];
  const stop = listenForStop(GO_ON);
  const node = await startPushingNode(input, trackers, progress).catch((error: unknown) => {
    stop.close();
    throw error;
  });
  let display: PushDisplay | undefined;
  try {
    const finding = source === undefined ? shareHere(node, shown) : lookUp(await trackerPorts(isUdp), source, trackers, shown);
    const content = await abortable(finding, stop.signal);
    progress.stop();
    const print = (text: string) => progress.result(text);
    const made = outlet.isJson
      ? new JsonPushDisplay(content, print)
      : new PersonPushDisplay(content, await createProgressLines(outlet), print);
    display = made;
    const ends = await node.push({ content, receivers, group, timeoutMs, events: made, signal: stop.signal });
    made.result(ends);
    return ends;
  } finally {
    progress.stop();
    display?.close();
    stop.close();
    await node.close();
  }
}

/** Lets a running node push a path; `undefined` where none does. Throws as `PeerNode.push`. */
async function pushByNode(
  input: CommandInput,
  { path, group, timeoutMs }: { readonly path: string; readonly group: string | undefined; readonly timeoutMs: number },
  progress: Progress,
): Promise<ReceiverEnd[] | undefined> {
  const outlet = { isJson: input.switch('json') === true, isQuiet: input.switch('quiet') === true };
  const note = (text: string) => void (outlet.isJson || outlet.isQuiet || process.stderr.write(`${text}\n`));
  const trackers = input.list('tracker').length > 0 ? trackersOf(input) : undefined;
  const client = await runningNode(input, { trackers, areTrackersAll: false }, note);
  if (client === undefined) return undefined;
  const { pushThrough } = await import('./push-through.js');
  const stop = listenForStop(GO_ON);
  try {
    return await pushThrough(client, { path, to: input.list('to'), group, timeoutMs, ...outlet }, progress, stop);
  } finally {
    stop.close();
  }
}

/** A node that tells of nothing but how far the hashing is. Throws `USAGE`, `NETWORK` or `DENIED`. */
function startPushingNode(input: CommandInput, trackers: readonly HostPort[], progress: Progress): Promise<PeerNode> {
  const [isJson, isQuiet] = [input.switch('json') === true, input.switch('quiet') === true];
  const print = (text: string) => progress.result(text);
  const report = new ShareReport({ isJson, isQuiet, trackers, progress, print, nowMs: () => realClock.nowMs() });
  // Never released: where it is registered meanwhile is of no interest.
  const events = new HeldEvents(report, () => undefined);
  const isUdp = input.switch('udp') === true;
  const rest = { limits: limitsOf(input), isUdp, trackers, hashName: 'blake3', isFolderOnly: false, events } as const;
  const wanted = serveOptionsOf(input);
  return startNode({ ...wanted, ...rest }).catch((error: unknown) => {
    if (wanted.port === 0 || asShoalError(error).code !== 'NETWORK') throw error;
    // Most likely a peer that stays has it, by the same configuration file.
    return startNode({ ...wanted, port: 0, announce: undefined, ...rest });
  });
}

/** Shares a path for the while. Throws what stands against it. */
async function shareHere(node: PeerNode, path: string): Promise<PushContent> {
  await node.share([path]);
  const name = node.shares().at(-1)?.name;
  const content = name === undefined ? undefined : node.pushable(name);
  if (content === undefined)
    throw new ShoalError('CHANGED', 'environment', `"${path}" changed while it was hashed; push it again.`);
  return content;
}

/** What others share under a name or root. Throws as `chooseContent`. */
async function lookUp(
  ports: TrackerPorts,
  source: FetchSource,
  trackers: readonly HostPort[],
  shown: string,
): Promise<PushContent> {
  const finder = new ContentFinder(ports, trackers);
  try {
    const ignore = () => undefined;
    const lookup = await finder.lookup(source.content, { isEnough: () => false, late: ignore, over: ignore });
    const { root, sizeBytes } = chooseContent(source, lookup, shown);
    const name = source.name;
    if (root === undefined)
      throw new ShoalError('NOT_FOUND', 'remote', `Nobody gives a root for "${shown}", so it cannot be verified.`);
    if (name === undefined)
      throw new ShoalError('USAGE', 'local', 'A root alone says no name to put it under; push it by its name or its link.');
    return { name, root, sizeBytes, totalBytes: sizeBytes };
  } finally {
    await finder.close();
  }
}
