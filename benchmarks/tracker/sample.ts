/** What the benchmarks of the tracker register, and the lines for it: always the same, so that runs can be compared. */

/** Files that are registered before requests are counted, and peers of each: each is a row of a LOOKUP's reply. */
export const FILE_COUNT = 20_000;
export const PEER_COUNT = 4;
const FIRST_PORT = 20_000;

const WORDS = (
  'holiday photos backup linux desktop album report final draft season episode music track archive dataset sample image video ' +
  'winter summer garden lecture notes camera family project release source manual invoice'
).split(' ');

function word(number: number): string {
  return WORDS[number % WORDS.length] ?? '';
}

/** The arguments of REGISTER with a number: the files first, then the same files at the next peer. */
export function registration(number: number): string {
  const file = number % FILE_COUNT;
  const port = FIRST_PORT + (Math.floor(number / FILE_COUNT) % PEER_COUNT);
  return `file-${file} 1048576 127.0.0.1:${port} root=${String(file).padStart(64, '0')}`;
}

export function peerAddress(number: number): string {
  return `127.0.0.1:${FIRST_PORT + (number % PEER_COUNT)}`;
}

/** A name of about 30 bytes, another one for each number, as names are: words that many have, and a number that few have. */
export function realisticName(number: number): string {
  const spread = Math.imul(number, 0x9e3779b1) >>> 0;
  return `${word(spread >>> 8)}-${word(spread >>> 14)}/${word(spread >>> 20)}-${String(number).padStart(7, '0')}.mkv`;
}
