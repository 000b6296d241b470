/** FAULTS.md and SECURITY.md name the tests that hold what they say: those tests are there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { faultIds, faultRows, type NamedTest, namedScripts, namedTests, testNames } from './named-tests.js';
import { repoRoot } from './repo-root.js';
import type { Source } from './tidy-rules.js';

/** How many faults there are of each kind. */
const COUNTS = { TW: 20, PW: 13, UD: 9, MF: 10, FS: 14, CR: 8, RS: 7, NW: 10, MP: 12, MT: 6, MX: 6, OV: 7 };

const read = (path: string): string => readFileSync(join(repoRoot, path), 'utf8');
/** All test files but this, whose samples are no tests. */
const sources: Source[] = ['common', 'tracker', 'peer', 'benchmarks'].flatMap((folder) =>
  readdirSync(join(repoRoot, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts') && entry.name !== 'fault-table.test.ts')
    .map((entry) => relative(repoRoot, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .map((path) => ({ path, text: read(path) })),
);
const namesOf = new Map(sources.map((source) => [source.path, new Set(testNames(source))]));
const faults = read('common/FAULTS.md');
const rows = faultRows(faults);
const isThere = ({ path, name }: NamedTest): boolean => namesOf.get(path)?.has(name) === true;

describe('the table of faults', () => {
  test('has every fault once, in order', () => {
    const all = Object.entries(COUNTS).flatMap(([kind, count]) => Array.from({ length: count }, (_, at) => `${kind}${at + 1}`));
    expect(rows.map(({ id }) => id)).toEqual(all);
  });

  test('says of each what it is, what happens, and which tests of its name hold it', () => {
    const wanting = rows.filter(({ id, cells }) => {
      const [fault = '', behaviour = '', held = ''] = cells;
      const tests = namedTests(held);
      return cells.length !== 3 || fault === '' || behaviour === '' || !tests.some(({ name }) => faultIds(name).includes(id));
    });
    expect(wanting.map(({ id }) => id)).toEqual([]);
    // Whatever is in backticks and looks like a test file was understood.
    const understood = new Set(namedTests(faults).map(({ path }) => path));
    expect([...faults.matchAll(/[\w./-]+\.test\.ts/g)].map(([path]) => path).filter((path) => !understood.has(path))).toEqual([]);
  });

  test('has every fault that a test is named for', () => {
    const known = new Set(rows.map(({ id }) => id));
    const stray = [...namesOf].flatMap(([path, names]) =>
      [...names].flatMap((name) =>
        faultIds(name)
          .filter((id) => !known.has(id))
          .map((id) => `${path}: ${id}`),
      ),
    );
    expect(stray).toEqual([]);
  });
});

describe.each(['common/FAULTS.md', 'SECURITY.md'])('%s', (path) => {
  test('names tests and commands that are there', () => {
    const document = read(path);
    expect(namedTests(document).length).toBeGreaterThan(10);
    expect(namedTests(document).filter((one) => !isThere(one))).toEqual([]);
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(namedScripts(document).filter((script) => !(script in scripts))).toEqual([]);
  });
});

describe('a test is found', () => {
  const text = [
    "describe('group', () => {",
    "  test('plain: it\\'s (one)', () => {});",
    '  test("double", async () => {});',
    "  test.each([1, 2])('PW2: each %i', (n) => {});",
    "  test.each([\n    ['PW7: an end', {}],\n    [\n      'PW8: long',\n      {},\n    ],\n  ])(\n    'NW1: %s is wrapped',\n    () => {},\n  );",
    "  test.each(lies)('%s', () => {});",
    "  test.each<[string, number]>([])('typed', () => {});",
    "  const text = 'MP1: not a title';",
    "  expect(found['MP2: a key']).toBe(1);",
  ].join('\n');

  test('by its title, by that of its table, and by that of a row', () => {
    const names = [
      'group',
      "plain: it's (one)",
      'double',
      'PW2: each %i',
      'NW1: %s is wrapped',
      '%s',
      'typed',
      'PW7: an end',
      'PW8: long',
    ];
    expect(testNames({ path: 'a.test.ts', text })).toEqual(names);
  });

  test('in a document by file and name', () => {
    const line = '| PW2 | a\\|b | c | `a/b.test.ts`: `PW2: x`, `y\\|z`<br>`c.test.ts`: `d` and `npm run bench:x -- --only y` |';
    expect(faultRows(`| id |\n|---|\n${line}\n| PW2, PW3 | no |`)).toEqual([
      { id: 'PW2', cells: ['a\\|b', 'c', expect.any(String)] },
    ]);
    expect(namedTests(line)).toEqual([
      { path: 'a/b.test.ts', name: 'PW2: x' },
      { path: 'a/b.test.ts', name: 'y|z' },
      { path: 'c.test.ts', name: 'd' },
    ]);
    expect(namedScripts(line)).toEqual(['bench:x']);
    expect(faultIds('TW5, UD12: TW0 XY3')).toEqual(['TW5', 'UD12']);
  });
});
