/**
 * Draws how far swarms are from the fluid bound, as an SVG: the number of peers runs to the right, each ten times as many one step; a
 * ratio that grows with log N is a straight line.
 */

export interface RatioSeries {
  readonly title: string;
  readonly points: readonly { readonly peerCount: number; readonly ratio: number }[];
}

const WIDTH = 760;
const HEIGHT = 420;
const PLOT = { left: 70, right: WIDTH - 30, top: 60, bottom: HEIGHT - 70 } as const;
const BACKGROUND = '#0d1117';
const FOREGROUND = '#d5dbe3';
const FAINT = '#7d8590';
const COLOURS = ['#79c0ff', '#7ee787', '#e3b341', '#d2a8ff', '#ff7b72'];
const RATIOS_SHOWN_COUNT = 5;

/** The SVG of some series, with a line at the ratio that they are held to. */
export function drawRatios(title: string, series: readonly RatioSeries[], targetRatio: number): string {
  const points = series.flatMap((one) => one.points);
  const counts = [...new Set(points.map(({ peerCount }) => peerCount))].sort((a, b) => a - b);
  const top = niceAbove(Math.max(1.5, ...points.map(({ ratio }) => ratio)));
  const [least, most] = [counts[0] ?? 1, counts.at(-1) ?? 10];
  const spread = Math.max(Math.log(most / least), 1e-9);
  const x = (peerCount: number) => PLOT.left + 30 + ((PLOT.right - PLOT.left - 60) * Math.log(peerCount / least)) / spread;
  const y = (ratio: number) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * (ratio - 1)) / (top - 1);
  const ratios = Array.from({ length: RATIOS_SHOWN_COUNT + 1 }, (_, at) => 1 + ((top - 1) * at) / RATIOS_SHOWN_COUNT);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" rx="10" fill="${BACKGROUND}"/>`,
    '<g font-family="sans-serif" font-size="13">',
    text(WIDTH / 2, 28, 'middle', FOREGROUND, title),
    ...ratios.flatMap((ratio) => [
      line(PLOT.left, y(ratio), PLOT.right, y(ratio), '#21262d'),
      text(PLOT.left - 8, y(ratio) + 4, 'end', FAINT, String(Number(ratio.toPrecision(3)))),
    ]),
    ...counts.map((count) => text(x(count), PLOT.bottom + 20, 'middle', FAINT, String(count))),
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 42, 'middle', FAINT, 'fetchers'),
    text(PLOT.left - 8, PLOT.top - 14, 'start', FAINT, 'longest fetch ÷ fluid bound'),
    line(PLOT.left, y(targetRatio), PLOT.right, y(targetRatio), FAINT, '6 5'),
    text(PLOT.right, y(targetRatio) - 6, 'end', FAINT, `held to ${targetRatio}`),
    ...series.flatMap((one, index) => drawSeries(one, index, x, y)),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function drawSeries(
  { title, points }: RatioSeries,
  index: number,
  x: (peerCount: number) => number,
  y: (ratio: number) => number,
): string[] {
  const colour = COLOURS[index % COLOURS.length] ?? FOREGROUND;
  const path = points.map(({ peerCount, ratio }) => `${round(x(peerCount))},${round(y(ratio))}`).join(' ');
  const dots = points.map(
    ({ peerCount, ratio }) =>
      `<circle cx="${round(x(peerCount))}" cy="${round(y(ratio))}" r="4" fill="${colour}">` +
      `<title>${escaped(`${title}, ${peerCount} fetchers: ${ratio.toFixed(3)}`)}</title></circle>`,
  );
  const labelX = PLOT.left + 20 + 210 * index;
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...dots,
    `<rect x="${labelX}" y="${HEIGHT - 20}" width="12" height="4" fill="${colour}"/>`,
    text(labelX + 18, HEIGHT - 13, 'start', FOREGROUND, title),
  ];
}

/** The next of 1.5, 2, 3, 6, 11, 21, 51 … at or above: five steps up to it are round numbers. */
function niceAbove(ratio: number): number {
  const power = 10 ** Math.floor(Math.log10(ratio - 1));
  const factor = [1, 2, 5, 10].find((one) => 1 + one * power >= ratio) ?? 10;
  return 1 + factor * power;
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, dashes = ''): string {
  const dashed = dashes === '' ? '' : ` stroke-dasharray="${dashes}"`;
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}"${dashed}/>`;
}

function text(x: number, y: number, anchor: string, colour: string, value: string): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${colour}">${escaped(value)}</text>`;
}

function round(value: number): string {
  return value.toFixed(1);
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
