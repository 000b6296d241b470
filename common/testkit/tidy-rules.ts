/**
 * The rules of this repository that a program can hold: which way imports go, where time and sockets may be touched, what a file
 * looks like. Each rule is a function from the sources to a list of sentences, one for each breach, so an empty list is a pass.
 */
import { posix } from 'node:path';

export interface Source {
  /** Relative to the repository, with slashes: `common/core/root.ts`. */
  readonly path: string;
  readonly text: string;
}

/** Files that may break a rule, each with the reason. Keep it short: an entry here is a debt. */
const MAY_USE_TIME: Readonly<Record<string, string>> = {
  'peer/hash/worker.ts':
    'it says what it spent and decides nothing by it, and one more module costs each of its threads milliseconds',
};
const MAY_USE_NET: Readonly<Record<string, string>> = {
  'common/core/peer-address.ts': 'isIPv4 and isIPv6 are pure functions',
};
const MAY_SHARE_A_DOOR: Readonly<Record<string, string>> = {
  'peer/hash/worker.ts piscina': 'the other side of the pool: what runs in its threads marks memory to be moved',
};

const FILE_MAX_LINES = 300;
const TEST_FILE_MAX_LINES = 500;

export function isTestCode({ path }: Source): boolean {
  return path.endsWith('.test.ts') || path.includes('/testkit/');
}

/** What a file imports. Type-only imports vanish at run time. */
export function importsOf({ text }: Source): { readonly target: string; readonly isTypeOnly: boolean }[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|(?:\bimport|\b(?:createR|r)equire\b[^'"\n]*)\('([^']+)'\)/g;
  return [...text.matchAll(pattern)].map((match) => ({ target: match[2] ?? match[3] ?? '', isTypeOnly: match[1] !== undefined }));
}

/** Imports of files of this repository, as paths in it. */
function localImports(source: Source): string[] {
  return importsOf(source)
    .filter(({ target }) => target.startsWith('.'))
    .map(({ target }) => posix.join(posix.dirname(source.path), target).replace(/\.js$/, '.ts'));
}

/** The code without comments. */
function codeOf({ text }: Source): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Where a folder's files may import from; the longest prefix that fits a file counts. Test code is held to the first four alone. */
const MAY_IMPORT: readonly (readonly [folder: string, from: readonly string[]])[] = [
  ['common/', ['common/']],
  ['tracker/', ['tracker/', 'common/']],
  ['peer/', ['peer/', 'common/']],
  ['benchmarks/', ['benchmarks/', 'peer/', 'tracker/', 'common/']],
  ['common/core/', ['common/core/']],
  ['common/wire/', ['common/core/', 'common/wire/']],
  ['common/ports/', ['common/core/', 'common/ports/']],
];

/** Imports go one way. */
export function importBreaches(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const isFree = source.path.endsWith('.e2e.test.ts');
    const rules = MAY_IMPORT.slice(0, isTestCode(source) ? 4 : undefined).filter(([folder]) => source.path.startsWith(folder));
    const allowed = isFree ? [''] : (rules.at(-1)?.[1] ?? []);
    const wrongWay = localImports(source).filter((target) => !allowed.some((folder) => target.startsWith(folder)));
    // Benchmarks and the simulator are no part of the program either.
    const isProgram = !isTestCode(source) && !source.path.startsWith('benchmarks/');
    const testkit = !isProgram ? [] : localImports(source).filter((target) => isTestCode({ path: target, text: '' }));
    return [...new Set([...wrongWay, ...testkit])].map((target) => `${source.path} must not import ${target}`);
  });
}

/** The pure folders touch no file, socket, process or thread. */
export function purityBreaches(sources: readonly Source[]): string[] {
  return sources
    .filter((source) => /^common\/(core|wire|ports)\//.test(source.path) && !isTestCode(source))
    .flatMap((source) =>
      importsOf(source)
        .filter(({ target }) => target.startsWith('node:') && target !== 'node:buffer')
        .filter(({ target }) => !(target === 'node:net' && source.path in MAY_USE_NET))
        .map(({ target }) => `${source.path} is pure and must not import ${target}`),
    );
}

/**
 * Time and chance come in through ports; the real ones are in common/node. Benchmarks measure, so they may look at the clock.
 * `setImmediate` gives others a turn and asks for no time, so it is free.
 */
export function timeBreaches(sources: readonly Source[]): string[] {
  const forbidden =
    /(?<![.\w])(?:Date\.now|new Date(?=\(\))|performance\.now|process\.hrtime|setTimeout|setInterval|Math\.random)\b|import \{(?! setImmediate \})[^}]*\} from 'node:timers|'node:perf_hooks/g;
  return sources
    .filter(
      (source) => !isTestCode(source) && !/^(common\/node|benchmarks)\//.test(source.path) && !(source.path in MAY_USE_TIME),
    )
    .flatMap((source) =>
      [...codeOf(source).matchAll(forbidden)].map(([found]) => `${source.path} uses ${found}; take a Clock or Random instead`),
    );
}

/** One file imports each npm package, so that one file changes when the package does. */
export function doorBreaches(sources: readonly Source[]): string[] {
  const doors = new Map<string, string[]>();
  for (const source of sources.filter((one) => !isTestCode(one) && !one.path.startsWith('benchmarks/'))) {
    for (const { target, isTypeOnly } of importsOf(source)) {
      if (isTypeOnly || target.startsWith('.') || target.startsWith('node:')) continue;
      const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : (target.split('/')[0] ?? target);
      if (`${source.path} ${name}` in MAY_SHARE_A_DOOR) continue;
      doors.set(name, [...new Set([...(doors.get(name) ?? []), source.path])]);
    }
  }
  return [...doors]
    .filter(([, paths]) => paths.length > 1)
    .map(([name, paths]) => `${name} has several doors: ${paths.join(', ')}`);
}

/** What each file looks like. */
export function shapeBreaches(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const { path, text } = source;
    const fileName = posix.basename(path);
    const lines = text.split('\n').length - 1;
    const maxLines = isTestCode(source) ? TEST_FILE_MAX_LINES : FILE_MAX_LINES;
    const breaches: [isBroken: boolean, what: string][] = [
      [lines > maxLines, `has ${lines} lines, more than ${maxLines}`],
      [!/^[a-z0-9]+(-[a-z0-9]+)*(\.e2e)?(\.test)?\.ts$/.test(fileName), 'is not named in kebab-case'],
      [/^(utils?|helpers?|types|misc|common|index)\.ts$/.test(fileName), 'is named for nothing in particular'],
      [/^export (default\b|\{[^}]*\bas default\b)/m.test(text), 'has a default export'],
      [/^export \* from/m.test(text), 're-exports another file'],
      [!path.endsWith('.test.ts') && !/^(#!.*\n)?(\/\*\*|\/\/)/.test(text), 'has no header comment'],
      [/\bT[O]DO\b|\bFI[X]ME\b|\bX[X]X\b/.test(text), 'leaves a note of unfinished work'],
      [
        /\b(?:describe|test|it)(?:\.each)?\.(?:only|skip|todo|failing)\b|\b[fx](?:describe|test|it)\(/.test(codeOf(source)),
        'narrows its tests',
      ],
    ];
    return breaches.filter(([isBroken]) => isBroken).map(([, what]) => `${path} ${what}`);
  });
}

/** Every limit says its unit and its reason: a comment stands before it, or before the group that it is in. */
export function limitBreaches(limitsText: string): string[] {
  const lines = limitsText.split('\n');
  return lines.flatMap((line, at) => {
    const name = /^export const (\w+)/.exec(line)?.[1];
    if (name === undefined) return [];
    let before = at - 1;
    while (lines[before]?.startsWith('export const') === true) before -= 1;
    const isExplained = lines[before]?.trimEnd().endsWith('*/') === true;
    return [
      ...(isExplained ? [] : [`${name} has no comment`]),
      ...(/_(BYTES|MS|COUNT|CHARS|RATIO|SHARE|PERCENT)(_|$)/.test(name) ? [] : [`${name} does not name its unit last`]),
    ];
  });
}
