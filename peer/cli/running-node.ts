/**
 * Whether a command is done by the node of its user, and by which. Where none runs that costs one look at one path.
 *
 * A node that is set up otherwise than the command asks for is left alone: the command does its work itself, as if there were none.
 */
import { lstat } from 'node:fs/promises';
import type { CommandInput } from '../../common/cli/command-spec.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { formatHostPort, type HostPort } from '../../common/core/peer-address.js';
import { realClock } from '../../common/node/clock.js';
import type { RateLimitOptions } from '../net/rate-limits.js';
import type { ControlClient } from '../serve/control-client.js';
import type { NodeSettings } from '../serve/control-protocol.js';
import { controlPathOf } from '../serve/serve-paths.js';
import { limitsOf, serveOptionsOf } from './common-flags.js';

/** What a command wants of a node, where it says so. */
export interface WantedSettings {
  /** `undefined` where none was named: any will do. */
  readonly trackers: readonly HostPort[] | undefined;
  /** Whether only these will do, or more do no harm. */
  readonly areTrackersAll: boolean;
  readonly hash?: string | undefined;
  readonly isFolderOnly?: boolean;
}

/** The node that is to do it; `undefined` where the command does it itself. `note` is told why, where a node runs. Throws `USAGE`. */
export async function runningNode(
  input: CommandInput,
  wanted: WantedSettings,
  note: (text: string) => void,
): Promise<ControlClient | undefined> {
  if (input.switch('node') === false) return undefined;
  const client = await connectNode().catch((error: unknown) => {
    note(`${asShoalError(error).message} It is done without it.`);
    return undefined;
  });
  if (client === undefined) return undefined;
  const conflict = conflictOf(client.hello.settings, input, wanted);
  if (conflict === undefined) return client;
  client.close();
  note(`The running peer has ${conflict}, so this is done without it.`);
  return undefined;
}

/** The node of this user; `undefined` where none runs. Throws as `ControlClient.connect`. */
export async function connectNode(): Promise<ControlClient | undefined> {
  const path = controlPathOf(process.env);
  if (process.platform !== 'win32' && (await lstat(path).catch(() => undefined)) === undefined) return undefined;
  // Loaded where it is of use: most commands run without a node.
  const { ControlClient } = await import('../serve/control-client.js');
  return ControlClient.connect(path, realClock);
}

/** As `connectNode`. Throws `NOT_FOUND` where none runs. */
export async function needNode(): Promise<ControlClient> {
  const client = await connectNode();
  if (client !== undefined) return client;
  throw new ShoalError('NOT_FOUND', 'local', 'No peer is running here. "peer serve" starts one.');
}

/** What of a node is not as a command wants it; `undefined` where all is. Flags that have their default stand for whatever the node has. */
export function conflictOf(settings: NodeSettings, input: CommandInput, wanted: WantedSettings): string | undefined {
  const { trackers, areTrackersAll, hash, isFolderOnly } = wanted;
  const { host, port, announce } = serveOptionsOf(input);
  const limits = limitsText(limitsOf(input));
  const named = trackers?.map(formatHostPort);
  const isMore = named?.some((tracker) => !settings.trackers.includes(tracker)) === true;
  const isLess = named !== undefined && areTrackersAll && settings.trackers.some((tracker) => !named.includes(tracker));
  if (isMore || isLess) return 'other trackers';
  if (input.switch('udp') === true && !settings.isUdp) return 'no --udp';
  if (host !== '0.0.0.0' && host !== settings.host) return 'another --host';
  if (port !== 0 && port !== settings.port) return 'another --port';
  if (announce !== undefined && announce !== settings.announce) return 'another --announce';
  if (limits !== '' && limits !== settings.limits) return 'other limits';
  if (hash !== undefined && hash !== settings.hash) return 'another --hash';
  if (isFolderOnly === true && !settings.isFolderOnly) return 'no --folder-only';
  return undefined;
}

/** A text that is the same for the same limits; empty where nothing is limited. */
export function limitsText(limits: RateLimitOptions | undefined): string {
  return limits === undefined ? '' : JSON.stringify(Object.entries(limits).sort(([left], [right]) => (left < right ? -1 : 1)));
}
