// Puts back into package-lock.json the optional platform packages that the registry in use did not list.
//
// Run it after every `npm install` (`npm run lock` does both). A registry mirror that answers 404 for, say, the Windows build of
// a native package makes npm leave that package out of the lock, and `npm ci` then refuses the lock everywhere else. The entries
// come from the exact versions that the parents name in their optionalDependencies; a second run changes nothing.
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = ['darwin', 'linux', 'win32', 'freebsd', 'android', 'openharmony', 'netbsd', 'openbsd', 'sunos', 'aix'];
const PROCESSORS = [
  ['x64', /x64|x86_64/],
  ['arm64', /arm64|aarch64/],
  ['ia32', /ia32/],
  ['arm', /[-_]arm(?!64)/],
  ['ppc64', /ppc64/],
  ['s390x', /s390x/],
  ['riscv64', /riscv64/],
  ['loong64', /loong64/],
];

const file = process.argv[2] ?? 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
const packages = lock.packages;
let added = 0;

/** Whether `name`, as required from the package at `from`, resolves to an entry of the lock. */
function isLocked(from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true;
    if (!folder) return false;
  }
}

/** The libc that a package name speaks of, as npm writes it. */
function libcOf(name, system) {
  if (/musl/.test(name)) return { libc: ['musl'] };
  return system === 'linux' && /gnu/.test(name) ? { libc: ['glibc'] } : {};
}

for (const [from, parent] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (isLocked(from, name)) continue;
    const system = SYSTEMS.find((known) => name.includes(known));
    const processor = PROCESSORS.find(([, pattern]) => pattern.test(name))?.[0];
    if (!/^\d+\.\d+\.\d+[\w.+-]*$/.test(version) || !system || !processor) {
      console.error('left out:', from, name, version);
      continue;
    }
    packages[`node_modules/${name}`] = {
      version,
      cpu: [processor],
      ...(parent.dev ? { dev: true } : {}),
      ...libcOf(name, system),
      optional: true,
      os: [system],
    };
    added += 1;
  }
}

lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`added ${added} entries`);
