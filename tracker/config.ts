/** The tracker's flags, and how their texts become options. What they all must keep is checked once more where the tracker is made. */
import type { CommandInput, FlagSpec } from '../common/cli/command-spec.js';
import { SHELLS } from '../common/cli/completion.js';
import { ShoalError } from '../common/core/errors.js';
import { LOG_LEVELS, type LogLevel } from '../common/node/log.js';
import { parseCount } from '../common/wire/tokens.js';
import { settleOptions, type TrackerOptions } from './create-tracker.js';

export const TRACKER_FLAGS: readonly FlagSpec[] = [
  { name: 'host', type: 'text', value: 'address', help: 'address to listen at; :: is IPv6 and IPv4', default: '0.0.0.0' },
  { name: 'port', type: 'text', value: 'port', help: 'port to listen at; 0 takes a free one', default: '4700' },
  {
    name: 'udp',
    type: 'switch',
    isOnByDefault: true,
    help: 'answer over UDP too, on the same port (the default); --no-udp answers over TCP alone',
  },
  {
    name: 'probe',
    type: 'switch',
    isOnByDefault: true,
    help: 'ask peers that do not report their load, and drop those that do not answer (the default); --no-probe asks nobody',
  },
  {
    name: 'mdns',
    type: 'switch',
    isOnByDefault: true,
    help: 'be found on the local network (the default); --no-mdns says nothing there',
  },
  { name: 'interval', type: 'text', value: 'duration', help: 'how often peers shall tell that they are there', default: '30s' },
  { name: 'ttl', type: 'text', value: 'duration', help: 'when a silent peer is forgotten (default twice the interval: 60s)' },
  { name: 'allow-foreign', type: 'switch', help: 'let a client register other IP addresses than its own' },
  { name: 'max-entries', type: 'text', value: 'count', help: 'registrations kept at most', default: '1000000' },
  {
    name: 'max-entries-per-source',
    type: 'text',
    value: 'count',
    help: 'registrations kept of one IPv4 address or IPv6 /64',
    default: '100000',
  },
  { name: 'max-connections', type: 'text', value: 'count', help: 'connections open at once', default: '16384' },
  {
    name: 'max-connections-per-source',
    type: 'text',
    value: 'count',
    help: 'connections of one IPv4 address or IPv6 /64; loopback is exempt',
    default: '256',
  },
  {
    name: 'log-level',
    type: 'text',
    value: 'level',
    help: 'least level of the JSON log on standard error',
    default: 'info',
    choices: LOG_LEVELS,
  },
  { name: 'completion', type: 'text', value: 'shell', help: 'print a completion script and stop', choices: SHELLS },
];

/** Options from flags. Throws `USAGE` with the flag that is wrong. */
export function parseTrackerOptions(input: CommandInput): Required<TrackerOptions> {
  const count = (flag: string, min: number, max: number): number => {
    const text = input.text(flag) ?? '';
    const value = parseCount(text, max);
    if (value === undefined || value < min) {
      throw new ShoalError('USAGE', 'local', `--${flag} must be a number from ${min} to ${max}, not "${text}".`);
    }
    return value;
  };
  const intervalMs = duration(input, 'interval') ?? 30_000;
  const ttlMs = duration(input, 'ttl') ?? 2 * intervalMs;
  if (ttlMs <= intervalMs) {
    throw new ShoalError('USAGE', 'local', '--ttl must be longer than --interval, or peers are forgotten before they can tell.');
  }
  return settleOptions({
    host: input.text('host') ?? '',
    port: count('port', 0, 65_535),
    isUdp: input.switch('udp') !== false,
    isMdns: input.switch('mdns') !== false,
    isProbing: input.switch('probe') !== false,
    intervalMs,
    ttlMs,
    allowForeign: input.switch('allow-foreign') === true,
    entriesMaxCount: count('max-entries', 1, 100_000_000),
    sourceEntriesMaxCount: count('max-entries-per-source', 1, 100_000_000),
    connectionsMaxCount: count('max-connections', 1, 1_000_000),
    sourceConnectionsMaxCount: count('max-connections-per-source', 1, 1_000_000),
  });
}

export function parseLogLevel(input: CommandInput): LogLevel {
  return LOG_LEVELS.find((level) => level === input.text('log-level')) ?? 'info';
}

function duration(input: CommandInput, flag: string): number | undefined {
  const ms = input.durationMs(flag);
  if (ms !== undefined && (ms < 1000 || ms > 86_400_000 || ms % 1000 !== 0)) {
    throw new ShoalError('USAGE', 'local', `--${flag} must be whole seconds from 1s to 24h, not "${input.text(flag)}".`);
  }
  return ms;
}
