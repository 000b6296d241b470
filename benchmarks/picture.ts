/**
 * Draws what a terminal showed as an SVG: `tmux capture-pane -p -e | node dist/benchmarks/picture.js "title" > picture.svg`.
 *
 * It knows the colours of SGR sequences and nothing else of terminals; a capture has no other sequences.
 */
import { text } from 'node:stream/consumers';

const CELL_WIDTH = 8.4;
const LINE_HEIGHT = 19;
const MARGIN = 18;
const BAR_HEIGHT = 34;
const BACKGROUND = '#0d1117';
const FOREGROUND = '#d5dbe3';
/** Black, red, green, yellow, blue, magenta, cyan, white; then the same, bright. */
const COLOURS = [
  ['#3b4252', '#ff7b72', '#7ee787', '#e3b341', '#79c0ff', '#d2a8ff', '#76e3ea', '#d5dbe3'],
  ['#7d8590', '#ffa198', '#aff5b4', '#f2cc60', '#a5d6ff', '#e2c5ff', '#b3f0ff', '#ffffff'],
] as const;

interface Style {
  readonly colour: string;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

const PLAIN: Style = { colour: FOREGROUND, isBold: false, isDim: false };

/** The SVG of captured lines. */
export function drawTerminal(captured: string, title: string): string {
  const lines = captured.replace(/\s+$/, '').split('\n');
  const columnCount = Math.max(60, ...lines.map((line) => [...line.replace(/\u001b\[[0-9;]*m/g, '')].length));
  const width = Math.ceil(2 * MARGIN + columnCount * CELL_WIDTH);
  const height = BAR_HEIGHT + 2 * MARGIN + lines.length * LINE_HEIGHT;
  const rows = lines.map((line, index) => drawLine(line, BAR_HEIGHT + MARGIN + (index + 0.75) * LINE_HEIGHT));
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map((fill, at) => `<circle cx="${20 + 20 * at}" cy="17" r="6" fill="${fill}"/>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="10" fill="${BACKGROUND}"/>`,
    ...dots,
    `<text x="${width / 2}" y="22" text-anchor="middle" font-family="sans-serif" font-size="13" fill="#7d8590">${escaped(title)}</text>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">`,
    ...rows.filter((row) => row !== ''),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Each run of one style is put at its column and stretched to its cells, so that any font keeps the grid. */
function drawLine(line: string, y: number): string {
  let style = PLAIN;
  let column = 0;
  let out = '';
  for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith('\u001b')) {
      style = styleAfter(style, part.slice(2, -1));
      continue;
    }
    const cells = [...part].length;
    if (part.trim() !== '') {
      const weight = style.isBold ? ' font-weight="bold"' : '';
      const opacity = style.isDim ? ' opacity="0.6"' : '';
      const x = (MARGIN + column * CELL_WIDTH).toFixed(1);
      const length = (cells * CELL_WIDTH).toFixed(1);
      const place = `x="${x}" y="${y.toFixed(1)}" textLength="${length}" lengthAdjust="spacingAndGlyphs"`;
      out += `<text ${place} fill="${style.colour}"${weight}${opacity}>${escaped(part)}</text>`;
    }
    column += cells;
  }
  return out;
}

function styleAfter(style: Style, codes: string): Style {
  let next = style;
  for (const code of (codes === '' ? '0' : codes).split(';').map(Number)) {
    if (code === 0) next = PLAIN;
    else if (code === 1) next = { ...next, isBold: true };
    else if (code === 2) next = { ...next, isDim: true };
    else if (code === 22) next = { ...next, isBold: false, isDim: false };
    else if (code >= 30 && code <= 37) next = { ...next, colour: COLOURS[0][code - 30] ?? FOREGROUND };
    else if (code === 39) next = { ...next, colour: FOREGROUND };
    else if (code >= 90 && code <= 97) next = { ...next, colour: COLOURS[1][code - 90] ?? FOREGROUND };
  }
  return next;
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

process.stdout.write(drawTerminal(await text(process.stdin), process.argv[2] ?? 'terminal'));
