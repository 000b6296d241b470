/** What the commands that ask trackers have in common: which ones, how many rows, and what is said where there is no answer. */
import type { CommandInput, FlagSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import { formatHostPort, type HostPort, parseHostPort } from '../../common/core/peer-address.js';
import { formatBytes } from '../../common/core/units.js';
import type { ContentInfo } from '../../common/wire/tracker-replies.js';
import { type Answer, Directory } from '../discovery/directory.js';
import { JSON_FLAG, QUIET_FLAG, TRACKER_FLAG, TRACKER_PORT, trackersOf, UDP_FLAG } from './common-flags.js';
import { connectNode } from './running-node.js';
import { outputWidth, table } from './table.js';
import { trackersToUse } from './tracker-choice.js';
import { trackerPorts } from './tracker-ports.js';

const MAX_DEFAULT_COUNT = 1000;
const MAX_COUNT = 1_000_000;

const MAX_FLAG: FlagSpec = { name: 'max', type: 'text', value: 'n', help: 'rows at most', default: String(MAX_DEFAULT_COUNT) };

/** The flags of a command that asks trackers. */
export const ASK_FLAGS: readonly FlagSpec[] = [TRACKER_FLAG, UDP_FLAG, MAX_FLAG, JSON_FLAG, QUIET_FLAG];

/** Throws `USAGE`. */
export function maxOf(input: CommandInput): number {
  const text = input.text('max') ?? String(MAX_DEFAULT_COUNT);
  const count = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_COUNT) return count;
  throw new ShoalError('USAGE', 'local', `--max takes a number from 1 to ${MAX_COUNT}, not "${text}".`);
}

/** Those that were named and `more`; otherwise those of the running peer; otherwise those that are found. Throws as `trackersToUse`. */
async function trackersToAsk(input: CommandInput, more: readonly HostPort[]): Promise<readonly HostPort[]> {
  const named = [...more, ...trackersOf(input)];
  if (named.length > 0) return [...new Map(named.map((tracker) => [formatHostPort(tracker), tracker])).values()];
  const node = await connectNode().catch(() => undefined);
  node?.close();
  const own = node?.hello.settings.trackers.map((tracker) => parseHostPort(tracker, TRACKER_PORT)) ?? [];
  return own.length > 0 ? own : trackersToUse(input);
}

/**
 * Asks the trackers. Those that do not answer are told on standard error. Throws the error of one where none answers.
 */
export async function askTrackers<Row>(
  input: CommandInput,
  ask: (directory: Directory) => Promise<Answer<Row>>,
  more: readonly HostPort[] = [],
): Promise<Answer<Row> & { readonly trackers: readonly HostPort[] }> {
  const trackers = await trackersToAsk(input, more);
  const directory = new Directory(await trackerPorts(input.switch('udp') === true), trackers);
  try {
    const answer = await ask(directory);
    const [failure] = answer.failures;
    if (failure !== undefined && answer.failures.length === trackers.length) throw notAsked(failure.tracker, failure.error);
    for (const { tracker, error } of answer.failures) note(input, notAsked(tracker, error).message);
    return { ...answer, trackers };
  } finally {
    await directory.close();
  }
}

function notAsked(tracker: HostPort, error: ShoalError): ShoalError {
  const at = formatHostPort(tracker);
  if (error.code !== 'UNKNOWN_COMMAND')
    return new ShoalError(error.code, error.fault, `Tracker ${at} could not be asked. ${error.message}`);
  return new ShoalError('UNKNOWN_COMMAND', 'remote', `The tracker at ${at} is too old to be asked this.`);
}

/** A line on standard error for a person. */
export function note(input: CommandInput, text: string): void {
  if (input.switch('json') !== true && input.switch('quiet') !== true) process.stderr.write(`${text}\n`);
}

/** Prints rows as events for programs, or as a table for people, and says where there are more. */
export function printRows<Row>(
  input: CommandInput,
  answer: Pick<Answer<Row>, 'rows' | 'isCut'>,
  how: {
    readonly event: (row: Row) => object;
    readonly head: readonly string[];
    readonly sides: string;
    readonly cells: (row: Row) => readonly string[];
  },
): void {
  const { rows, isCut } = answer;
  if (input.switch('json') === true) {
    const lines = [...rows.map((row) => how.event(row)), { event: 'done', count: rows.length, isCut }];
    process.stdout.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return;
  }
  if (rows.length > 0) process.stdout.write(`${table([how.head, ...rows.map(how.cells)], how.sides, outputWidth())}\n`);
  if (isCut) note(input, `There are more than ${rows.length}; --max shows more.`);
}

/** How contents of trackers are printed. */
export const CONTENT_ROWS = {
  event: ({ name, root, sizeBytes, completeCount, partialCount, type, checksum }: ContentInfo) => {
    const more = { type: type ?? null, checksum: checksum ?? null };
    return {
      event: 'content',
      name,
      root: root ?? null,
      size: sizeBytes,
      holders: completeCount,
      partial: partialCount,
      ...more,
    };
  },
  head: ['name', 'size', 'holders', 'root'],
  sides: 'lrrl',
  cells: ({ name, root, sizeBytes, completeCount, partialCount, type }: ContentInfo) => {
    // Of a folder the tracker knows the size of its index alone.
    const size = type === FOLDER_TYPE ? 'folder' : formatBytes(sizeBytes);
    const holders = partialCount > 0 ? `${completeCount}+${partialCount}` : String(completeCount);
    return [name, size, holders, root === undefined ? '-' : root.slice(0, 12)];
  },
};
