/**
 * What a command and the node of its user say to each other over the control socket. Pure: lines of JSON, both ways.
 *
 *     node:    {"hello": …}                        who it is, once
 *     command: {"request": "fetch", …}             one at a time
 *     node:    {"event": …}*                       what happens meanwhile
 *     node:    {"result": …} or {"error": …}       the end of the request
 *
 * While a request runs the command may send {"request": "cancel"}; it ends with what came of it. A connection that ends cancels as well.
 * The version goes up where an old program would misunderstand a new one; keys that are not known are ignored.
 */
import { type ErrorCode, isErrorCode, protocolError, ShoalError } from '../../common/core/errors.js';
import { CONTROL_LINE_MAX_CHARS } from '../../common/core/limits.js';
import { isSize } from '../../common/core/manifest.js';

export const CONTROL_VERSION = 1;

export interface Hello {
  readonly protocol: number;
  /** Of the program. */
  readonly version: string;
  readonly pid: number;
  readonly settings: NodeSettings;
}

/** What a command compares with its own flags. */
export interface NodeSettings {
  /** `host:port` each. */
  readonly trackers: readonly string[];
  readonly host: string;
  /** As it was asked for: 0 where the system chose. */
  readonly port: number;
  readonly announce: string | null;
  /** Text that is the same where the rate limits are. */
  readonly limits: string;
  readonly hash: string;
  readonly isFolderOnly: boolean;
  readonly isUdp: boolean;
}

/** A fetch as its command asks for it; paths are absolute. */
export interface FetchRequest {
  readonly request: 'fetch';
  /** Name, link or @root as the person typed it. */
  readonly what: string;
  /** `host:port` each, besides those of a link. */
  readonly trackers: readonly string[];
  readonly out: string | null;
  readonly directory: string;
  readonly isOverwrite: boolean;
  readonly isFresh: boolean;
  readonly patienceMs: number;
  /** Whether the node goes on sharing it. */
  readonly isKept: boolean;
}

export interface ShareRequest {
  readonly request: 'share';
  /** Absolute. */
  readonly paths: readonly string[];
  /** Shared for good, and after every start; otherwise until the connection ends. */
  readonly isKept: boolean;
}

/** Puts something that is here on other peers. */
export interface PushRequest {
  readonly request: 'push';
  /** Absolute. */
  readonly path: string;
  /** As `peer push --to` takes it. */
  readonly to: readonly string[];
  readonly group: string | null;
  readonly timeoutMs: number;
}

/** Reads what is shared again, to find what the disk has damaged. */
export interface ScrubRequest {
  readonly request: 'scrub';
  readonly isRepair: boolean;
  /** `null`: as fast as it goes. */
  readonly bytesPerSecond: number | null;
}

export type ControlRequest =
  | ScrubRequest
  | FetchRequest
  | ShareRequest
  | PushRequest
  | { readonly request: 'status' | 'list' | 'stats' | 'stop' | 'cancel' }
  /** What is shared under this name, or from this path, which is absolute. */
  | { readonly request: 'unshare'; readonly name: string; readonly path: string };

export type Json = Readonly<Record<string, unknown>>;

/** What a node sends. */
export type ControlReply =
  | { readonly hello: Hello }
  | { readonly event: Json }
  | { readonly result: Json }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

/** One message as a line with its LF. */
export function formatControl(message: ControlRequest | ControlReply): string {
  return `${JSON.stringify(message)}\n`;
}

/** Reads a line of a command. Throws `BAD_REQUEST`, or `UNKNOWN_COMMAND` for what a newer program may ask. */
export function parseControlRequest(line: string): ControlRequest {
  const raw = parseObject(line, 'BAD_REQUEST');
  const refuse = (what: string): never => {
    throw protocolError(`The request "${String(raw['request']).slice(0, 40)}" has no good ${what}.`, 'BAD_REQUEST');
  };
  const text = (key: string) => (typeof raw[key] === 'string' ? raw[key] : refuse(key));
  const flag = (key: string) => (typeof raw[key] === 'boolean' ? raw[key] : refuse(key));
  const texts = (key: string) => (isTextList(raw[key]) ? raw[key] : refuse(key));
  /** Milliseconds. */
  const span = (key: string) => (isSize(raw[key]) ? raw[key] : refuse(key));
  const { request } = raw;
  switch (request) {
    case 'status':
    case 'list':
    case 'stats':
    case 'stop':
    case 'cancel':
      return { request };
    case 'unshare':
      return { request, name: text('name'), path: text('path') };
    case 'share':
      return { request, paths: texts('paths'), isKept: flag('isKept') };
    case 'scrub': {
      const bytesPerSecond = raw['bytesPerSecond'] === null ? null : span('bytesPerSecond');
      return { request, isRepair: flag('isRepair'), bytesPerSecond };
    }
    case 'push': {
      const group = raw['group'] === null ? null : text('group');
      return { request, path: text('path'), to: texts('to'), group, timeoutMs: span('timeoutMs') };
    }
    case 'fetch':
      return {
        request,
        what: text('what'),
        trackers: texts('trackers'),
        out: raw['out'] === null ? null : text('out'),
        directory: text('directory'),
        isOverwrite: flag('isOverwrite'),
        isFresh: flag('isFresh'),
        patienceMs: span('patienceMs'),
        isKept: flag('isKept'),
      };
    default:
      throw protocolError(`The running peer does not know "${String(request).slice(0, 40)}".`, 'UNKNOWN_COMMAND');
  }
}

/** Reads a line of a node. Throws `PROTOCOL`. */
export function parseControlReply(line: string): ControlReply {
  const raw = parseObject(line, 'PROTOCOL');
  const { hello, event, result, error } = raw;
  if (isObject(hello)) return { hello: helloOf(hello) };
  if (isObject(event)) return { event };
  if (isObject(result)) return { result };
  if (isObject(error)) {
    const { code, message } = error;
    return { error: { code: typeof code === 'string' && isErrorCode(code) ? code : 'INTERNAL', message: String(message) } };
  }
  throw protocolError('What answers at the control socket is no peer.');
}

/** The error that a node told of, as it was there. */
export function errorOf({ code, message }: { readonly code: ErrorCode; readonly message: string }): ShoalError {
  return new ShoalError(code, 'remote', message);
}

function helloOf(raw: Json): Hello {
  const { protocol, version, pid, settings } = raw;
  const isWhole = typeof protocol === 'number' && typeof version === 'string' && typeof pid === 'number';
  if (!isWhole || !isObject(settings)) throw protocolError('What answers at the control socket is no peer.');
  // Of another version, its settings may be anything, and nobody looks at them.
  return { protocol, version, pid, settings: settings as unknown as NodeSettings };
}

function parseObject(line: string, code: ErrorCode): Json {
  try {
    const raw: unknown = JSON.parse(line);
    if (isObject(raw)) return raw;
  } catch {
    // Told below, in words that say which side.
  }
  throw protocolError('A line of the control socket is no JSON object.', code);
}

function isObject(raw: unknown): raw is Json {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function isTextList(raw: unknown): raw is readonly string[] {
  return Array.isArray(raw) && raw.every((entry) => typeof entry === 'string');
}

/** Cuts text into lines; a line that is too long ends it. */
export class ControlLines {
  #held = '';

  /** Calls `take` with each line, in order. Throws `TOO_LONG`; nothing may be pushed after that. */
  push(text: string, take: (line: string) => void): void {
    const lines = `${this.#held}${text}`.split('\n');
    this.#held = lines.pop() ?? '';
    for (const line of lines) {
      if (line.length > CONTROL_LINE_MAX_CHARS) throw tooLong();
      if (line !== '') take(line);
    }
    if (this.#held.length > CONTROL_LINE_MAX_CHARS) throw tooLong();
  }
}

function tooLong(): ShoalError {
  return protocolError(`A line of the control socket has at most ${CONTROL_LINE_MAX_CHARS} characters.`, 'TOO_LONG');
}
