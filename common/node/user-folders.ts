/** Where this user's configuration, caches, data and state are, by the XDG rules and their like elsewhere. The one door to env-paths. */
import envPaths from 'env-paths';

const folders = envPaths('shoal', { suffix: '' });

export const configFolder: string = folders.config;
export const cacheFolder: string = folders.cache;
export const dataFolder: string = folders.data;
/** On Linux what the XDG rules call state; other systems keep it with a program's data. */
export const stateFolder: string = process.platform === 'linux' ? folders.log : folders.data;
