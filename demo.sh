#!/usr/bin/env bash
# Shoal at work on this machine: a tracker, three peers that share, and a fourth that fetches from all three at once.
#
#   ./demo.sh            installs, builds, runs; about a minute
#   ./demo.sh --pause    waits for Enter between the steps
#
# The fourth peer fetches a real file (the `node` program that runs all this) and a folder. Both fetches are killed half-way with
# SIGKILL and started again. The exit code is 0 only if every checksum is right and nothing was fetched twice.
# Everything lives in one temporary folder and on free ports of 127.0.0.1; at the end all of it is stopped and removed.
set -euo pipefail
cd "$(dirname "$0")"

# ---------------------------------------------------------------------------------------------------------------- what is shown

bold='' dim='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\033[1m' dim=$'\033[2m' green=$'\033[32m' red=$'\033[31m' plain=$'\033[0m'
fi

pause=no
case "${1:-}" in
  '') ;;
  --pause) pause=yes ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] || exit 2; exit 0 ;;
esac

step_number=0
step() {
  if [ "$pause" = yes ] && [ "$step_number" -gt 0 ]; then read -r -p "${dim}Enter goes on ${plain}" _ || true; fi
  step_number=$((step_number + 1))
  printf '\n%s%d. %s%s\n' "$bold" "$step_number" "$1" "$plain"
}
say() { printf '   %s\n' "$*"; }
show_command() { printf '   %s$ %s%s\n' "$dim" "$*" "$plain"; }
indent() { sed 's/^/   /'; }
good() { printf '   %s✓%s %s\n' "$green" "$plain" "$*"; }
fail() {
  printf '   %s✗ %s%s\n' "$red" "$*" "$plain" >&2
  exit 1
}

# ------------------------------------------------------------------------------------------------------- what must be stopped again

work=''
started=()

# Stops what this script started, by its process ids, and nothing else.
stop_all() {
  local status=$? pid tries
  trap - EXIT INT TERM HUP
  for pid in ${started[@]+"${started[@]}"}; do
    kill -CONT "$pid" 2>/dev/null || true
    kill -TERM "$pid" 2>/dev/null || true
  done
  for pid in ${started[@]+"${started[@]}"}; do
    for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      kill -0 "$pid" 2>/dev/null || break
      [ "$tries" -lt 20 ] || kill -KILL "$pid" 2>/dev/null || true
      sleep 0.2
    done
    wait "$pid" 2>/dev/null || true
  done
  if [ -n "$work" ]; then
    if [ "$status" -ne 0 ] && [ -d "$work/log" ]; then
      printf '\nThe last lines of the logs:\n' >&2
      for log in "$work"/log/*; do
        case "$log" in *.sums) continue ;; esac
        [ -s "$log" ] && { printf '  %s\n' "${log##*/}"; tail -n 5 "$log" | cut -c 1-300 | sed 's/^/    /'; } >&2
      done
    fi
    rm -rf "$work"
  fi
  exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# ---------------------------------------------------------------------------------------------------------------------- the tools

# A process of its own, with standard output and error in files named after it; its id is put into $pid.
start() {
  local name=$1
  shift
  "$@" >"$work/log/$name.out" 2>"$work/log/$name.err" </dev/null &
  pid=$!
  started+=("$pid")
}

# Waits until a pattern is in a file, as long as the process that writes it lives; at most 60 s. Prints the first match.
await() {
  local pattern=$1 file=$2 writer=$3 tries
  for ((tries = 0; tries < 600; tries++)); do
    grep -m 1 -e "$pattern" "$file" 2>/dev/null && return 0
    kill -0 "$writer" 2>/dev/null || break
    sleep 0.1
  done
  grep -m 1 -e "$pattern" "$file" 2>/dev/null
}

# SHA-256 of every file below a folder, by relative path: one line a file, in a fixed order. Made by Node, so that it needs no other tool.
checksums() {
  node -e '
    const { createHash } = require("node:crypto"), fs = require("node:fs"), path = require("node:path");
    const [root] = process.argv.slice(1);
    const all = fs.statSync(root).isDirectory() ? fs.readdirSync(root, { recursive: true }).map(String) : [""];
    for (const name of all.sort()) {
      const file = path.join(root, name);
      if (!fs.statSync(file).isFile()) continue;
      const hash = createHash("sha256"), piece = Buffer.alloc(1 << 20), fd = fs.openSync(file);
      for (let n; (n = fs.readSync(fd, piece)) > 0; ) hash.update(piece.subarray(0, n));
      console.log(hash.digest("hex"), JSON.stringify(name));
    }' "$1"
}

# One number out of the last event of a kind in a file of --json events; 0 where there is none.
last_number() {
  local event=$1 key=$2 file=$3
  [ "$event" = progress ] && event='progress","phase":"fetch'
  { grep -F "\"event\":\"$event\"" "$file" || true; } | tail -n 1 | sed -n "s/.*\"$key\":\([0-9][0-9]*\).*/\1/p" | grep . || echo 0
}

mib() { node -p "(${1} / 2 ** 20).toFixed(1) + ' MiB'"; }

peer() { node "$PWD/dist/bin/peer.js" "$@"; }

# ------------------------------------------------------------------------------------------------------------------------- the demo

step 'Install and build'
command -v node >/dev/null || fail 'Node.js 20.19 or later is needed: https://nodejs.org'
command -v npm >/dev/null || fail 'npm is needed; it comes with Node.js.'
if [ node_modules/.package-lock.json -nt package-lock.json ]; then
  say 'The packages are here already.'
else
  show_command npm ci
  npm ci --no-audit --no-fund 2>&1 | indent
fi
show_command npm run build
npm run --silent build 2>&1 | indent
good "built, with Node $(node --version)"

# Nothing of the user's own settings or caches takes part.
work=$(mktemp -d "${TMPDIR:-/tmp}/shoal-demo.XXXXXX")
work=$(cd "$work" && pwd -P)
mkdir -p "$work/log" "$work/home" "$work/fourth"
for name in $(compgen -e SHOAL_ || true); do unset "$name"; done
export HOME="$work/home" XDG_CONFIG_HOME="$work/home/config" XDG_CACHE_HOME="$work/home/cache"
export XDG_STATE_HOME="$work/home/state" XDG_RUNTIME_DIR="$work/home/run"

step 'Something to share'
node_binary=$(node -p process.execPath)
mkdir -p "$work/first/Données du projet/nested/deeper"
cp -L "$node_binary" "$work/first/node-program"
chmod u+rw "$work/first/node-program"
node -e '
  const fs = require("node:fs"), path = require("node:path"), { randomBytes } = require("node:crypto");
  const put = (name, bytes) => fs.writeFileSync(path.join(process.argv[1], name), randomBytes(bytes));
  put("a name with spaces.bin", 300_000);
  put("übergröße – 大きい.bin", 48 * 2 ** 20);
  put("empty.txt", 0);
  put("one byte", 1);
  put("nested/exactly one chunk.bin", 524_288);
  put("nested/deeper/three chunks and a byte.bin", 3 * 524_288 + 1);
  for (let i = 0; i < 200; i++) put(`nested/deeper/small ${i}.txt`, 1000 + 37 * i);
  // A folder is the same content elsewhere only if the times of its files are the same: whole seconds survive every copy.
  for (const name of fs.readdirSync(process.argv[1], { recursive: true })) fs.utimesSync(path.join(process.argv[1], name), 1.7e9, 1.7e9);
' "$work/first/Données du projet"
for name in second third; do cp -Rp "$work/first" "$work/$name"; done
file_bytes=$(node -p 'fs.statSync(process.argv[1]).size' "$work/first/node-program")
folder_files=$(find "$work/first/Données du projet" -type f | wc -l | tr -d ' ')
say "a file: node-program, $(mib "$file_bytes"), the program at $node_binary"
say "a folder: Données du projet, $folder_files files, some nested, one empty, names with spaces and letters of all kinds"

step 'A tracker and three peers that share'
show_command 'tracker --host 127.0.0.1 --port 0'
start tracker node dist/bin/tracker.js --host 127.0.0.1 --port 0
line=$(await '^tracker listening on ' "$work/log/tracker.out" "$pid") || fail 'The tracker did not start.'
say "$line"
tracker=${line##* }

sharers=()
for name in first second third; do
  show_command "peer share node-program 'Données du projet' --tracker $tracker --host 127.0.0.1"
  start "$name" node dist/bin/peer.js share "$work/$name/node-program" "$work/$name/Données du projet" \
    --tracker "$tracker" --host 127.0.0.1
  sharers+=("$pid")
done
index=0
for name in first second third; do
  out="$work/log/$name.out"
  line=$(await '^sharing node-program ' "$out" "${sharers[$index]}") || fail "The $name peer did not share the file."
  await '^sharing Donn%C3%A9es%20du%20projet \|^sharing Données%20du%20projet ' "$out" "${sharers[$index]}" >/dev/null ||
    fail "The $name peer did not share the folder."
  good "the $name peer shares both, at ${line##* }"
  index=$((index + 1))
done
file_link=$(grep -A 1 '^sharing node-program ' "$work/log/first.out" | tail -n 1)
folder_link=$(grep -A 1 '^sharing Donn[^ /]* ' "$work/log/first.out" | tail -n 1)
case "$file_link$folder_link" in
  magnet:*magnet:*) ;;
  *) fail 'The first peer printed no link.' ;;
esac
say "the link of the file:  ${dim}$file_link${plain}"

signal_sharers() { kill "-$1" "${sharers[@]}"; }

# Fetches `$1` and kills the fetch with SIGKILL when at least 40 % is there. So that it cannot outrun the kill on a fast machine, the
# sharing peers are frozen (SIGSTOP) and thawed (SIGCONT) for moments, at most $3 ms at first. Returns 1 where it was done before the kill.
fetch_half() {
  local link=$1 events=$2 longest_ms=$3 thawed_ms=4 turns=0 done_bytes=0 total_bytes=0 gained status
  : >"$events"
  node dist/bin/peer.js fetch "$link" --directory "$work/fourth" --json >"$events" 2>>"$work/log/fetch.err" </dev/null &
  local fetch_pid=$!
  started+=("$fetch_pid")
  # Until it knows what there is to fetch, it runs as it likes.
  until grep -q '"event":"content"\|"event":"error"' "$events" || ! kill -0 "$fetch_pid" 2>/dev/null; do sleep 0.005; done
  signal_sharers STOP
  while kill -0 "$fetch_pid" 2>/dev/null; do
    # It tells of its progress four times a second.
    sleep 0.3
    total_bytes=$(last_number progress totalBytes "$events")
    gained=$(($(last_number progress doneBytes "$events") - done_bytes))
    done_bytes=$((done_bytes + gained))
    if [ "$total_bytes" -gt 1000000 ] && [ $((done_bytes * 100)) -ge $((total_bytes * 40)) ]; then break; fi
    turns=$((turns + 1))
    if [ "$turns" -gt 1 ] && [ $((gained * 20)) -lt "$total_bytes" ]; then thawed_ms=$((thawed_ms * 2)); fi
    if [ $((gained * 10)) -gt "$total_bytes" ] && [ "$thawed_ms" -gt 2 ]; then thawed_ms=$((thawed_ms / 2)); fi
    # A machine where this brings nothing is slow: then longer moments are safe.
    if [ $((turns % 16)) -eq 0 ] && [ "$longest_ms" -lt 500 ]; then longest_ms=$((longest_ms * 2)); fi
    if [ "$thawed_ms" -gt "$longest_ms" ]; then thawed_ms=$longest_ms; fi
    signal_sharers CONT
    sleep "$(printf '0.%03d' "$thawed_ms")"
    signal_sharers STOP
  done
  status=0
  # In one group, so that bash does not report the kill as news.
  { kill -KILL "$fetch_pid" || true; wait "$fetch_pid" || status=$?; } 2>/dev/null
  signal_sharers CONT
  [ "$status" -eq 137 ] && return 0
  [ "$status" -eq 0 ] || fail "The fetch ended by itself with exit code $status."
  return 1
}

# Fetches a content in two runs with a SIGKILL between them, and checks everything that is promised of that.
fetch_killed_and_resumed() {
  local name=$1 link=$2 original=$3 tries done_bytes total_bytes kept events="$work/log/events" target="$work/fourth/$1"
  show_command "peer fetch '${link:0:44}…' --json    and, half-way, kill -9"
  for tries in 1 2 3 4 5 6; do
    if fetch_half "$link" "$events" $((64 >> tries)); then break; fi
    # It was done before it could be killed: once more from the start, in shorter moments.
    [ "$tries" -lt 6 ] || fail 'The fetch was faster than the kill, six times.'
    rm -rf "$target"
  done
  done_bytes=$(last_number progress doneBytes "$events")
  total_bytes=$(last_number progress totalBytes "$events")
  [ ! -e "$target" ] || fail "$name has its final name although the fetch was killed."
  good "killed at $((done_bytes * 100 / total_bytes)) %: nothing has the final name yet"

  show_command "peer fetch '${link:0:44}…'"
  peer fetch "$link" --directory "$work/fourth" --json >"$events" 2>>"$work/log/fetch.err" </dev/null ||
    fail "The second run ended with exit code $?."
  kept=$(last_number resumed bytes "$events")
  node - "$events" <<'SUMMARY' | indent
    const events = require('node:fs').readFileSync(process.argv[2], 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    const done = events.at(-1);
    const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`.padStart(10);
    console.log(`${mib(done.resumedBytes)}  kept from the run that was killed`);
    for (const peer of done.peers) {
      const percent = Math.round((peer.bytes * 100) / done.fetchedBytes);
      console.log(`${mib(peer.bytes)}  from ${peer.address}, ${peer.chunks} chunks, ${percent} % of what was fetched`);
    }
    console.log(`${mib(done.size)}  in all; the second run took ${(done.durationMs / 1000).toFixed(1)} s`);
SUMMARY
  [ "$kept" -gt 0 ] || fail 'Nothing was kept of the run that was killed.'
  [ "$kept" -ge "$done_bytes" ] || fail "Of $done_bytes bytes that were there before the kill only $kept were kept."
  [ $((kept + $(last_number 'done' fetchedBytes "$events"))) -eq "$total_bytes" ] || fail 'Something was fetched twice.'
  [ "$(grep '"event":"done"' "$events" | grep -o '"address"' | wc -l)" -ge 2 ] || fail 'It did not come from several peers.'
  good "the second run went on with $(mib "$kept") and fetched no chunk again"

  checksums "$original" >"$work/log/original.sums"
  checksums "$target" >"$work/log/fetched.sums"
  cmp -s "$work/log/original.sums" "$work/log/fetched.sums" || fail "$name is not what was shared."
  say "SHA-256 $(head -n 1 "$work/log/fetched.sums" | cut -c 1-64)$([ -d "$target" ] && echo ' and others' || true)"
  good "$(wc -l <"$work/log/fetched.sums" | tr -d ' ') file(s): the same checksums as the original"
}

step 'A fourth peer fetches the file, is killed half-way, and goes on'
fetch_killed_and_resumed 'node-program' "$file_link" "$work/first/node-program"

step 'The same with the folder'
fetch_killed_and_resumed 'Données du projet' "$folder_link" "$work/first/Données du projet"

step 'Asked again, there is nothing to do'
show_command "peer fetch '${file_link:0:44}…'"
peer fetch "$file_link" --directory "$work/fourth" --quiet | indent
peer verify "$work/fourth/node-program" "$file_link" --quiet | indent
leftovers=$(find "$work/fourth" -name '*.shoal-*' | wc -l | tr -d ' ')
[ "$leftovers" -eq 0 ] || fail "$leftovers unfinished file(s) were left behind."
good 'nothing unfinished is left behind'

step 'Stop'
for pid in "${sharers[@]}"; do kill -TERM "$pid"; done
index=0
for pid in "${sharers[@]}"; do
  index=$((index + 1))
  status=0
  wait "$pid" || status=$?
  [ "$status" -eq 0 ] || [ "$status" -eq 7 ] || fail "Sharing peer $index ended with exit code $status."
done
good 'the sharing peers have said goodbye to the tracker and ended'
# A file that only the sharing peers were registered for: the fetches that were killed could not say goodbye, and what they had of the two
# contents is theirs at the tracker until it misses them, after a minute.
status=0
gone='Données du projet/one byte'
show_command "peer fetch '$gone' --tracker $tracker"
peer fetch "$gone" --tracker "$tracker" --directory "$work/home" --quiet 2>"$work/log/gone.err" || status=$?
sed 's/^/   /' "$work/log/gone.err"
[ "$status" -eq 3 ] || fail "A fetch of what nobody shares must end with exit code 3, not $status."
good 'nobody shares it any more: exit code 3'

printf '\n%s%sAll of it held.%s\n' "$bold" "$green" "$plain"
