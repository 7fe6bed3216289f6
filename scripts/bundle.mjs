// Bundles everything that runs into dist/: the command, the library's entry points, and the artefacts that run elsewhere
// (the Lambda handler, the train worker). Fast enough to run before every command.
import { build } from 'esbuild'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // ES modules where a package has both: of AWS's clients and of zod only what is used is kept, and a cold start loads it.
  mainFields: ['module', 'main'],
  sourcemap: true,
  minifySyntax: true,
  // Node prints the whole line an uncaught error came from: one of these is to fit a terminal.
  lineLimit: 200,
  external: ['onnxruntime-node', 'esbuild', '@tensorflow/*', '@pulumi/*', 'fsevents'],
  banner: {
    js: "import{createRequire as __millraceRequire}from'node:module';const require=__millraceRequire(import.meta.url);",
  },
  logLevel: 'warning',
}

const library = {
  index: 'index.ts',
  env: 'shared/env/index.ts',
  batch: 'shared/batch/index.ts',
  flow: 'learner/flow/index.ts',
  tensor: 'learner/tensor/index.ts',
  algorithm: 'library/algorithm.ts',
  policy: 'library/policy.ts',
  'local-cloud': 'infra/local/index.ts',
  settings: 'infra/aws/settings.ts',
  sst: 'infra/sst/index.ts',
  'cli/main': 'cli/main.ts',
}

// Self-contained files, each loaded by a process or thread of its own. A cold start reads them: every byte counts.
const small = { minifyWhitespace: true, outdir: 'dist', outExtension: { '.js': '.mjs' } }
const artefacts = {
  'functions/evaluate': 'functions/evaluate.ts',
  'learner/train-worker': 'learner/training/trainWorker.ts',
  'infra/local/bootstrap': 'infra/local/bootstrap.ts',
}

// Not part of the package: the benchmarks, bundled like what they measure.
const bench = process.argv.includes('--bench') ? { main: 'bench/main.ts' } : {}

const present = (entries) => Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)))

// It loads the AWS SDK only where it uses it: a file of its own, of which only what is used is kept.
const rollout = { 'functions/rollout': 'functions/rollout.ts' }
const rolloutChunks = 'functions/chunks'

const [entries, ofRollout] = await Promise.all([
  build({
    ...common, // with its whitespace: these files are read where an error is printed, and a package is small enough
    metafile: true,
    entryPoints: present(library),
    outdir: 'dist',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  }),
  build({
    ...common,
    ...small,
    metafile: true,
    entryPoints: present(rollout),
    splitting: true,
    chunkNames: `${rolloutChunks}/[name]-[hash]`,
  }),
  build({ ...common, entryPoints: bench, outdir: '.millrace/bench', splitting: true, outExtension: { '.js': '.mjs' } }),
  ...Object.entries(present(artefacts)).map(([name, file]) =>
    build({ ...common, ...small, entryPoints: { [name]: file } }),
  ),
])

// A chunk is named by its content: what an earlier build left would be packed with the package for ever.
for (const [folder, { metafile }] of [
  ['dist/chunks', entries],
  [join('dist', rolloutChunks), ofRollout],
]) {
  const current = new Set(Object.keys(metafile.outputs).map((file) => basename(file)))
  for (const name of readdirSync(folder)) if (!current.has(name)) rmSync(join(folder, name), { recursive: true })
}

// Types come next, from tsc, which would leave those of files that are no more.
if (process.argv.includes('--types')) rmSync('dist/types', { recursive: true, force: true })
