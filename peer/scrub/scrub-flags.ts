/** Flags of a peer that stays and looks for damage by itself, and how their values are read. */
import type { CommandInput, FlagSpec } from '../../common/cli/command-spec.js';
import { ShoalError } from '../../common/core/errors.js';
import { RATE_LIMIT_MIN_BYTES } from '../../common/core/limits.js';
import { formatBytes, parseBytes } from '../../common/core/units.js';
import type { IdleScrubOptions } from './idle-scrub.js';

/** A month, as is usual for file systems that scrub; and a tenth of what a slow hard disk reads. */
const EVERY_DEFAULT = '30d';
const RATE_DEFAULT = '10M';

export const SCRUB_FLAGS: readonly FlagSpec[] = [
  {
    name: 'scrub',
    type: 'switch',
    isOnByDefault: true,
    help: 'read what is shared again in idle time, to find what the disk has damaged (the default); --no-scrub does not',
  },
  {
    name: 'scrub-every',
    type: 'text',
    value: 'TIME',
    help: 'how often everything is read once',
    default: EVERY_DEFAULT,
  },
  {
    name: 'scrub-rate',
    type: 'text',
    value: 'RATE',
    help: 'most bytes a second that are read for that',
    default: RATE_DEFAULT,
  },
  { name: 'scrub-repair', type: 'switch', help: 'fetch what is damaged from other peers and write it over, without being asked' },
];

/** The values of SCRUB_FLAGS; `undefined` where it is switched off. Throws `USAGE`. */
export function idleScrubOf(input: CommandInput): IdleScrubOptions | undefined {
  const options = {
    everyMs: input.durationMs('scrub-every', EVERY_DEFAULT),
    bytesPerSecond: scrubRateOf(input, 'scrub-rate') ?? parseBytes(RATE_DEFAULT),
    isRepair: input.switch('scrub-repair') === true,
  };
  return input.switch('scrub') === false ? undefined : options;
}

/** Bytes a second of a flag; `undefined` where nobody gave it. Throws `USAGE`. */
export function scrubRateOf(input: CommandInput, flag: string): number | undefined {
  const text = input.text(flag);
  if (text === undefined) return undefined;
  const least = formatBytes(RATE_LIMIT_MIN_BYTES);
  const refuse = (): never => {
    throw new ShoalError('USAGE', 'local', `--${flag} takes bytes a second, ${least} at least (for example 10M), not "${text}".`);
  };
  try {
    const bytes = parseBytes(text);
    return bytes >= RATE_LIMIT_MIN_BYTES ? bytes : refuse();
  } catch {
    return refuse();
  }
}
