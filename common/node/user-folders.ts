/** Where this user's configuration and caches are, by the XDG rules and their like elsewhere. The one door to env-paths. */
import envPaths from 'env-paths';

const folders = envPaths('shoal', { suffix: '' });

export const configFolder: string = folders.config;
export const cacheFolder: string = folders.cache;
