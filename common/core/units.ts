/**
 * Sizes, rates and durations as people type and read them. One unit system in print: binary (KiB, MiB, GiB).
 * In input `k M G T` and `KiB MiB GiB TiB` are powers of 1,024, `kB MB GB TB` powers of 1,000.
 */
import prettyBytes from 'pretty-bytes';
import { ShoalError } from './errors.js';

const BINARY: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };
const DURATIONS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1536` as `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true, maximumFractionDigits: 1 });
}

/** Bytes a second as `1.5 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Number.isFinite(bytesPerSecond) ? Math.round(bytesPerSecond) : 0)}/s`;
}

/** Milliseconds as `0.4 s`, `12 s`, `3m05s`, `2h07m`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
}

/** `500k`, `10MiB`, `1.5G`, and rates as `10MiB/s`, as bytes. Throws `USAGE`. */
export function parseBytes(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])(i?b)?|b)?(?:\/s)?$/i.exec(text.trim());
  const refuse = () => new ShoalError('USAGE', 'local', `"${text}" is no size (for example 500k, 10MiB, 2G).`);
  if (match === null) throw refuse();
  const letter = (match[2] ?? '').toLowerCase();
  const isDecimal = letter !== '' && match[3]?.toLowerCase() === 'b';
  const unit = isDecimal ? 1000 ** 'kmgt'.indexOf(letter) * 1000 : (BINARY[letter] ?? 1);
  const bytes = Math.round(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) throw refuse();
  return bytes;
}

/** `90m`, `12h`, `30s`, `250ms`; a bare number is seconds. Throws `USAGE`. */
export function parseDurationMs(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)?$/.exec(text.trim());
  const ms = Math.round(Number(match?.[1]) * (DURATIONS_MS[match?.[2] ?? 's'] ?? 1000));
  if (!Number.isSafeInteger(ms)) throw new ShoalError('USAGE', 'local', `"${text}" is no duration (for example 30s, 90m, 12h).`);
  return ms;
}
