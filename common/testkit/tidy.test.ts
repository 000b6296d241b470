import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { repoRoot } from './repo-root.js';
import {
  doorBreaches,
  importBreaches,
  importsOf,
  limitBreaches,
  purityBreaches,
  type Source,
  shapeBreaches,
  timeBreaches,
} from './tidy-rules.js';

function readSources(folder: string): Source[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(repoRoot, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }));
}

const folders = readdirSync(repoRoot, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ['common', 'tracker', 'peer', 'benchmarks'].includes(entry.name))
  .map((entry) => join(repoRoot, entry.name));
const sources = folders.flatMap(readSources);

describe('the sources of this repository', () => {
  test('are found', () => {
    expect(sources.map((source) => source.path)).toContain('common/testkit/tidy.test.ts');
  });

  test('import one way: common nothing else, tracker never peer, peer never tracker, nothing tests', () => {
    expect(importBreaches(sources)).toEqual([]);
  });

  test('keep core, wire and ports free of files, sockets, processes and threads', () => {
    expect(purityBreaches(sources)).toEqual([]);
  });

  test('take time and chance from ports', () => {
    expect(timeBreaches(sources)).toEqual([]);
  });

  test('have one door for each npm package', () => {
    expect(doorBreaches(sources)).toEqual([]);
  });

  test('are short, named for what they hold, explained, and finished', () => {
    expect(shapeBreaches(sources)).toEqual([]);
  });

  test('give every limit its unit and its reason', () => {
    expect(limitBreaches(readFileSync(join(repoRoot, 'common/core/limits.ts'), 'utf8'))).toEqual([]);
  });
});

describe('the rules find', () => {
  const source = (path: string, text: string): Source => ({ path, text: `/** A file. */\n${text}\n` });

  test('every form of import', () => {
    const text = [
      "import a from 'one';",
      "import { b,\n  c } from 'two';",
      "import type { D } from 'three';",
      "import 'four';",
      "export * from 'five';",
      "const e = await import('six');",
      "const f = createRequire(import.meta.url)('seven');",
      "const g = require('eight');",
    ].join('\n');
    expect(importsOf(source('x.ts', text)).map(({ target }) => target)).toEqual(
      'one two three four five six seven eight'.split(' '),
    );
  });

  test.each<[string, string, string]>([
    ['common that imports peer', 'common/core/a.ts', "import { b } from '../../peer/b.js';"],
    ['core that imports node', 'common/core/a.ts', "import { b } from '../node/b.js';"],
    ['tracker that imports peer', 'tracker/a.ts', "import { b } from '../peer/b.js';"],
    ['peer that imports tracker, in a test too', 'peer/a.test.ts', "import { b } from '../tracker/b.js';"],
    ['a program that imports test code', 'peer/a.ts', "import { b } from '../common/testkit/b.js';"],
  ])('%s', (_, path, text) => {
    expect(importBreaches([source(path, text)])).toHaveLength(1);
  });

  test('no fault in imports that go the right way', () => {
    const good = [
      source('peer/a.ts', "import { b } from '../common/core/b.js';"),
      source('peer/a.test.ts', "import { b } from '../common/testkit/b.js';"),
      source('peer/a.e2e.test.ts', "import { b } from '../tracker/b.js';"),
      source('benchmarks/a.ts', "import { b } from '../tracker/b.js';\nimport { c } from '../peer/c.js';"),
    ];
    expect(importBreaches(good)).toEqual([]);
  });

  test('what is not pure, what looks at a clock, and a package with two doors', () => {
    expect(purityBreaches([source('common/wire/a.ts', "import { open } from 'node:fs/promises';")])).toHaveLength(1);
    const clocks = ['Date.now()', 'new Date()', 'setTimeout(f, 1)', 'setInterval(f, 1)', 'Math.random()', 'performance.now()'];
    expect(clocks.flatMap((text) => timeBreaches([source('peer/a.ts', `x = ${text};`)]))).toHaveLength(clocks.length);
    expect(timeBreaches([source('peer/a.ts', 'socket.setTimeout(1); // Date.now() is not used\nnew Date(ms);')])).toEqual([]);
    const timers = (names: string) =>
      timeBreaches([source('peer/a.ts', `import { ${names} } from 'node:timers/promises';`)]).length;
    expect([timers('setImmediate'), timers('setTimeout'), timers('setImmediate, setTimeout')]).toEqual([0, 1, 1]);
    const doors = ['peer/a.ts', 'peer/b.ts'].map((path) => source(path, "import { x } from '@scope/pkg/part';"));
    expect(doorBreaches(doors)).toEqual(['@scope/pkg has several doors: peer/a.ts, peer/b.ts']);
  });

  test.each<[string, Source]>([
    ['a long file', source('peer/a.ts', '\n'.repeat(300))],
    ['a name in camel case', source('peer/aFile.ts', '')],
    ['a name for nothing', source('peer/utils.ts', '')],
    ['a default export', source('peer/a.ts', 'export default 1;')],
    ['a barrel', source('peer/a.ts', "export * from './b.js';")],
    ['no header', { path: 'peer/a.ts', text: 'const a = 1;\n' }],
    ['unfinished work', source('peer/a.ts', `// ${'TO'}${'DO'}: more`)],
    ['a test alone', source('peer/a.test.ts', `test${'.'}only('x', f);`)],
    ['a test left out', source('peer/a.test.ts', `describe${'.'}skip('x', f);`)],
  ])('%s', (_, one) => {
    expect(shapeBreaches([one])).toHaveLength(1);
  });

  test('a limit without a comment, or without its unit', () => {
    expect(limitBreaches('/** Why. */\nexport const A_BYTES = 1;\nexport const B_MAX_COUNT = 1;\n')).toEqual([]);
    expect(limitBreaches('\nexport const A_BYTES = 1;\n')).toEqual(['A_BYTES has no comment']);
    expect(limitBreaches('/** Why. */\nexport const A_MAX = 1;\n')).toEqual(['A_MAX does not name its unit last']);
  });
});
