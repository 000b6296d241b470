// Tests run on the compiled output, so that worker threads and built commands are the files that ship.
export default {
  roots: ['<rootDir>/dist'],
  testMatch: ['<rootDir>/dist/**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  maxWorkers: 2,
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/.ci/closing-line.mjs'],
};
