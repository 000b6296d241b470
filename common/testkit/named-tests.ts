/**
 * What a document says holds a promise, and what tests there are: the one is looked for in the other.
 *
 * A document names tests as `file`: `name`, `name`. The name of a test is its title as it stands in the source, with the `%s` of a table;
 * a row of a table that has a title of its own (`'PW7: an end'`) is a test too.
 */
import type { Source } from './tidy-rules.js';

export interface NamedTest {
  readonly path: string;
  readonly name: string;
}

/** One row of the table of faults. */
export interface FaultRow {
  readonly id: string;
  readonly cells: readonly string[];
}

const ID = /\b(?:TW|PW|UD|MF|FS|CR|RS|NW|MP|MT|MX|OV)[1-9][0-9]*\b/g;

/** The ids of faults in a text, in the order in which they stand. */
export function faultIds(text: string): string[] {
  return text.match(ID) ?? [];
}

/** Rows of every table whose first cell is the id of a fault. */
export function faultRows(markdown: string): FaultRow[] {
  return markdown.split('\n').flatMap((line) => {
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [id = ''] = cells;
    return faultIds(id).join() === id && id !== '' ? [{ id, cells: cells.slice(1) }] : [];
  });
}

/** The tests that a piece of a document names. In a table a `|` is written `\|`. */
export function namedTests(markdown: string): NamedTest[] {
  return [...markdown.matchAll(/`([\w./-]+\.test\.ts)`: ((?:`[^`]+`(?:, )?)+)/g)].flatMap(([, path = '', names = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => ({ path, name: name.replaceAll('\\|', '|') })),
  );
}

/** The commands of this repository that a piece of a document names: of `npm run bench:tracker -- --runs 3` the word `bench:tracker`. */
export function namedScripts(markdown: string): string[] {
  return [...markdown.matchAll(/`npm run ([\w:-]+)/g)].map(([, script = '']) => script);
}

/** The titles of the tests of a source, of their groups, and of those rows of tables that begin with the id of a fault. */
export function testNames({ text }: Source): string[] {
  const quoted = /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/.source;
  const titles = new RegExp(
    `(?:\\b(?:test|describe)\\(\\s*|[\\])]\\)\\(\\s*|\\b(?:test|describe)\\.each\\(\\w+\\)\\(\\s*)${quoted}`,
    'g',
  );
  const rows = new RegExp(`(?<![\\w\\]])(?:\\[|^)\\s*${quoted}(?=,)`, 'gm');
  const unquoted = (match: RegExpMatchArray) => (match[1] ?? '').slice(1, -1).replace(/\\(['"`\\])/g, '$1');
  const rowTitles = [...text.matchAll(rows)].map(unquoted).filter((title) => /^(?:[A-Z]{2}[1-9][0-9]*(?:, )?)+: /.test(title));
  return [...new Set([...[...text.matchAll(titles)].map(unquoted), ...rowTitles])];
}
