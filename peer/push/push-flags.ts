/** Flags of a peer that stays and takes pushes, and that keeps copies of files with others; how their values are read. */
import { join, resolve } from 'node:path';
import type { CommandInput, FlagSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { PUSHES_AT_ONCE_MAX_COUNT, REPLICAS_MAX_COUNT } from '../../common/core/limits.js';
import { parseBytes } from '../../common/core/units.js';
import { dataFolder } from '../../common/node/user-folders.js';
import { LABEL } from '../../common/wire/attributes.js';
import { ALLOWED_BY_DEFAULT, AllowList } from './allow-list.js';
import { PUSHES_AT_ONCE_DEFAULT_COUNT, type PushPolicy } from './push-policy.js';
import type { ReplicationOptions } from './replicator.js';

export const GROUP_FLAG: FlagSpec = {
  name: 'group',
  type: 'text',
  value: 'label',
  help: 'peers that belong together: letters, digits, dot, dash, underscore',
};

/** Bytes that are taken unless told otherwise. */
const QUOTA_DEFAULT = '10G';
const REPLICATE_EVERY_DEFAULT = '30s';

/** What a peer takes of what others push to it, and how it keeps copies. */
export const PUSH_FLAGS: readonly FlagSpec[] = [
  { name: 'accept', type: 'switch', help: 'take what others push to this peer' },
  {
    name: 'accept-dir',
    type: 'text',
    value: 'DIR',
    help: `where it is put (default ${join(dataFolder, 'received')})`,
    isPath: true,
  },
  {
    name: 'accept-quota',
    type: 'text',
    value: 'SIZE',
    help: 'most bytes that folder may hold: 500M, 2T',
    default: QUOTA_DEFAULT,
  },
  {
    name: 'accept-from',
    type: 'list',
    value: 'who',
    help: 'who may push: an IP address, a network such as 10.1.0.0/16, lan, any, group:<label>; may be given several times (default lan)',
  },
  {
    name: 'accept-at-once',
    type: 'text',
    value: 'n',
    help: 'contents that are taken at the same time',
    default: String(PUSHES_AT_ONCE_DEFAULT_COUNT),
  },
  GROUP_FLAG,
  {
    name: 'replicate',
    type: 'text',
    value: 'n',
    help: 'keep everything that is shared here on n peers that take pushes (of the --group)',
  },
  {
    name: 'replicate-every',
    type: 'text',
    value: 'TIME',
    help: 'how often it is looked for what has too few copies',
    default: REPLICATE_EVERY_DEFAULT,
  },
];

/** The part of a node's options that these flags make. */
export interface PushFlagOptions {
  readonly accept?: PushPolicy;
  readonly group?: string;
  readonly replicate?: ReplicationOptions;
}

/** The values of PUSH_FLAGS. Throws `USAGE`. */
export function pushOptionsOf(input: CommandInput): PushFlagOptions {
  const group = groupOf(input);
  const replicate = replicateOf(input);
  // Read also where nothing is taken, so that a wrong value is told before it counts.
  const policy = policyOf(input);
  return {
    ...(input.switch('accept') === true ? { accept: policy } : {}),
    ...(group === undefined ? {} : { group }),
    ...(replicate === undefined ? {} : { replicate }),
  };
}

/** The value of GROUP_FLAG, or `undefined`. Throws `USAGE`. */
export function groupOf(input: CommandInput): string | undefined {
  const group = input.text('group');
  if (group !== undefined && LABEL.read(group) === undefined) {
    throw new ShoalError('USAGE', 'local', `--group takes a label of ${LABEL.rule}, not "${group}".`);
  }
  return group;
}

function policyOf(input: CommandInput): PushPolicy {
  const from = input.list('accept-from');
  return {
    folder: resolve(input.text('accept-dir') ?? join(dataFolder, 'received')),
    quotaBytes: bytesOf(input, 'accept-quota', QUOTA_DEFAULT),
    allow: new AllowList(from.length > 0 ? from : ALLOWED_BY_DEFAULT),
    parallelCount: countOf(input, 'accept-at-once', PUSHES_AT_ONCE_MAX_COUNT) ?? PUSHES_AT_ONCE_DEFAULT_COUNT,
  };
}

function replicateOf(input: CommandInput): ReplicationOptions | undefined {
  const copyCount = countOf(input, 'replicate', REPLICAS_MAX_COUNT);
  if (copyCount === undefined) return undefined;
  return { copyCount, everyMs: input.durationMs('replicate-every', REPLICATE_EVERY_DEFAULT) };
}

function bytesOf(input: CommandInput, flag: string, otherwise: string): number {
  const text = input.text(flag) ?? otherwise;
  try {
    return parseBytes(text);
  } catch (error) {
    throw new ShoalError('USAGE', 'local', `--${flag} takes a size such as 500M or 2T, not "${text}".`, error);
  }
}

function countOf(input: CommandInput, flag: string, maxCount: number): number | undefined {
  const text = input.text(flag);
  if (text === undefined) return undefined;
  const count = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > maxCount)
    throw new ShoalError('USAGE', 'local', `--${flag} takes a number from 1 to ${maxCount}, not "${text}".`);
  return count;
}
