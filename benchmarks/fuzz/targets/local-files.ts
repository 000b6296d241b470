/** What this machine's own files and commands say: the state of a peer that stays, the control socket, configuration. */
import { parsePlain, parseToml } from '../../../common/cli/config-file.js';
import type { SimRandom } from '../../../common/sim/sim-random.js';
import {
  CONTROL_VERSION,
  ControlLines,
  formatControl,
  parseControlReply,
  parseControlRequest,
} from '../../../peer/serve/control-protocol.js';
import { formatState, parseState } from '../../../peer/serve/state-format.js';
import { lawfulName, lawfulSize } from '../laws.js';
import { law, looseText, same, seedOf, type Target, verdictOf } from '../target.js';
import { lineOf, oneIn, pick, wordsOf } from '../text-grammar.js';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What may stand in a place of JSON that something else should be in. */
function wrongJson(random: SimRandom): Json {
  return pick<Json>(random, [
    null,
    true,
    -1,
    0.5,
    1e300,
    '',
    'x\u0000y',
    [],
    {},
    [[]],
    { a: null },
    '__proto__',
    '\ud800',
    2 ** 53,
  ]);
}

function orWrong(value: Json, random: SimRandom): Json {
  return oneIn(random, 14) ? wrongJson(random) : value;
}

function jsonOf(pairs: Readonly<Record<string, Json>>, random: SimRandom): Json {
  return Object.fromEntries(
    Object.entries(pairs).flatMap(([key, value]) => (oneIn(random, 24) ? [] : [[key, orWrong(value, random)]])),
  );
}

function textOf(value: Json, random: SimRandom): Uint8Array {
  const text = JSON.stringify(value);
  if (oneIn(random, 30)) return Buffer.from('['.repeat(1 + random.below(20_000)));
  return Buffer.from(oneIn(random, 12) ? text.slice(0, random.below(text.length)) : `${text}\n`);
}

function state(random: SimRandom): Uint8Array {
  const kept = Array.from({ length: random.below(3) }, () =>
    jsonOf({ kind: pick(random, ['file', 'folder']), path: '/srv/a', name: lineOf('{name}', random) }, random),
  );
  const contents = Array.from({ length: random.below(3) }, () =>
    jsonOf(
      {
        name: 'a',
        root: oneIn(random, 2) ? null : lineOf('{root}', random),
        size: random.below(2 ** 40),
        uploaded: 1,
        downloaded: 0,
      },
      random,
    ),
  );
  return textOf(
    jsonOf({ kind: 'shoal-peer-state', version: 1, since: 1, kept, uploaded: 5, downloaded: 0, contents }, random),
    random,
  );
}

function judgeState(input: Uint8Array): string {
  const read = parseState(looseText(input));
  if (read === undefined) return 'none';
  lawfulSize(read.sinceMs);
  for (const { path, name } of read.kept) {
    law(path !== '' && !path.includes('\0'), 'a path is one');
    lawfulName(name);
  }
  for (const { sizeBytes, uploadedBytes, downloadedBytes } of read.totals.contents)
    [sizeBytes, uploadedBytes, downloadedBytes].forEach(lawfulSize);
  same(parseState(formatState(read)), read, 'a state that was written is read as it was');
  return 'ok';
}

function control(random: SimRandom): Uint8Array {
  const one = (): Json =>
    pick<() => Json>(random, [
      () => jsonOf({ request: pick(random, ['status', 'list', 'stats', 'stop', 'cancel', 'later']) }, random),
      () => jsonOf({ request: 'unshare', name: 'a', path: '/a' }, random),
      () => jsonOf({ request: 'share', paths: ['/a', '/b'], isKept: true }, random),
      () => jsonOf({ request: 'push', path: '/a', to: ['10.0.0.1:5'], group: null, timeoutMs: 5 }, random),
      () =>
        jsonOf(
          {
            request: 'fetch',
            what: '@x',
            trackers: [],
            out: null,
            directory: '/d',
            isOverwrite: false,
            isFresh: true,
            patienceMs: 1,
            isKept: false,
          },
          random,
        ),
      () => jsonOf({ hello: jsonOf({ protocol: CONTROL_VERSION, version: '1', pid: 1, settings: {} }, random) }, random),
      () => jsonOf({ event: { event: 'x' } }, random),
      () => jsonOf({ error: jsonOf({ code: pick(random, ['NOT_FOUND', 'x', '__proto__']), message: 'm' }, random) }, random),
    ])();
  return Buffer.concat(Array.from({ length: 1 + random.below(3) }, () => textOf(one(), random)));
}

function judgeControl(input: Uint8Array): string {
  const text = looseText(input);
  const whole: string[] = [];
  new ControlLines().push(text, (line) => whole.push(line));
  const pieces: string[] = [];
  const lines = new ControlLines();
  const cut = text.length === 0 ? 0 : seedOf(input) % text.length;
  for (const piece of [text.slice(0, cut), text.slice(cut, cut + 1), text.slice(cut + 1)])
    lines.push(piece, (line) => pieces.push(line));
  same(pieces, whole, 'lines fed whole and in pieces are equal');
  return whole.slice(0, 8).map(judgeControlLine).join(' ');
}

function judgeControlLine(line: string): string {
  const request = verdictOf(['BAD_REQUEST', 'UNKNOWN_COMMAND'], () => {
    const read = parseControlRequest(line);
    same(parseControlRequest(formatControl(read).slice(0, -1)), read, 'a request that was written is read as it was');
  });
  const reply = verdictOf(['PROTOCOL'], () => {
    const read = parseControlReply(line);
    same(parseControlReply(formatControl(read).slice(0, -1)), read, 'a reply that was written is read as it was');
  });
  return request === 'ok' ? 'request' : reply === 'ok' ? 'reply' : request;
}

const PLAIN_TEMPLATES = [
  'tracker={address}',
  'limit-up={count}k',
  '# {text}',
  '// {text}',
  '{label} = {text}',
  '={text}',
  '{label}',
] as const;
const TOML_TEMPLATES = [
  'tracker = "{address}"',
  'tracker = ["{address}", "b"]',
  'port = {count}',
  'no-udp = true',
  '[table]',
  'a.b = 1',
  'x = {id}',
  "y = '''{text}'''",
  'd = 1979-05-27',
  'f = 1e400',
  '"__proto__" = 1',
  'n = {{ a = 1 }}',
] as const;

function config(random: SimRandom): Uint8Array {
  const templates = oneIn(random, 2) ? PLAIN_TEMPLATES : TOML_TEMPLATES;
  const lines = Array.from({ length: 1 + random.below(5) }, () =>
    lineOf(pick(random, templates as readonly [string, ...string[]]), random),
  );
  return Buffer.from(
    oneIn(random, 40)
      ? pick(random, ['[', 'a=[', '"', "a='''", 'a.', 'a={a=']).repeat(1 + random.below(4000))
      : `${lines.join('\n')}\n`,
  );
}

async function judgeConfig(input: Uint8Array): Promise<string> {
  const text = looseText(input);
  const check = (values: ReadonlyMap<string, readonly string[]>): void => {
    for (const [key, list] of values)
      law(typeof key === 'string' && list.every((one) => typeof one === 'string'), 'values are texts');
  };
  const plain = verdictOf(['USAGE'], () => check(parsePlain(text, 'x.conf')));
  const toml = await parseToml(text, 'x.toml').then(
    (values) => () => check(values),
    (error: unknown) => () => {
      throw error;
    },
  );
  return `${plain} ${verdictOf(['USAGE'], toml)}`;
}

export const stateFiles: Target = {
  name: 'state-files',
  inputMaxBytes: 40_000,
  tokens: [
    '"kind"',
    '"shoal-peer-state"',
    '"version"',
    '"kept"',
    '"contents"',
    'null',
    '{',
    '}',
    '[',
    ']',
    ',',
    '"__proto__":1',
    '\\u0000',
    '\\ud800',
    '1e400',
  ],
  testCount: 5000,
  heldToCount: 200_000,
  generate: state,
  open: () => ({ judge: judgeState }),
};

export const controlLines: Target = {
  name: 'control-lines',
  inputMaxBytes: 40_000,
  tokens: [
    '{"request":"',
    '"hello"',
    '"event"',
    '"error"',
    '"result"',
    '\n',
    '{',
    '}',
    '[',
    ']',
    ',',
    'null',
    '"__proto__":{}',
    '\\u0000',
  ],
  testCount: 5000,
  heldToCount: 200_000,
  generate: control,
  open: () => ({ judge: judgeControl }),
};

export const configFiles: Target = {
  name: 'config-files',
  inputMaxBytes: 20_000,
  tokens: [...wordsOf([...PLAIN_TEMPLATES, ...TOML_TEMPLATES]), '"""', "'''", '[[', ']]', '{', '}', '\\', '\\u', 'inf', 'nan'],
  testCount: 4000,
  heldToCount: 200_000,
  generate: config,
  open: () => ({ judge: judgeConfig }),
};
