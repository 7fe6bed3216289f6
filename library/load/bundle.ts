import { readFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BuildFailure, Loader, OnResolveArgs, Plugin, PluginBuild } from 'esbuild'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { MillraceError } from '../../shared/errors.ts'
import { bundleError } from './bundleError.ts'
import { withService } from './esbuildService.ts'
import { libraryEntries, libraryEntry, type LibraryEntries } from './libraryEntries.ts'
import { withUserMap } from './userMap.ts'

export interface BundleOptions {
  /** Where the bundle will lie, so that its source map names the user's files. */
  readonly outfile: string
  readonly entries?: LibraryEntries
}

/**
 * One ES module out of an experiment file and what lies beside it. Packages, Millrace among them, stay imports by URL: the
 * module runs in this process and shares them.
 *
 * @throws MillraceError E_EXPERIMENT with file, line and column
 */
export async function bundleForHere(file: string, options: BundleOptions): Promise<Uint8Array> {
  const { outfile, entries = libraryEntries() } = options
  const { build } = await import('esbuild')
  const { code } = await run(file, () =>
    build({
      ...COMMON,
      entryPoints: [USER_FILE],
      outfile,
      conditions: [], // without esbuild's own 'module': Node is to load the files that are left as imports
      sourcemap: 'inline',
      plugins: [userFile(file), sharedPackages(entries), ownLocation],
    }),
  )
  return code
}

/**
 * A self-contained ES module out of an experiment file, Millrace and other packages included, for functions that need a
 * user's own env. Its default export is the experiment, with `env` as a definition even where the file registered it by id. Its
 * source map names the user's own files, so that an error in a function can.
 *
 * @throws MillraceError E_EXPERIMENT with file, line and column
 */
export async function bundleEnvCode(file: string, entries: LibraryEntries = libraryEntries()): Promise<Uint8Array> {
  const contents = [
    `import experiment from '${USER_FILE}'`,
    "import { asDefinition } from 'millrace/env'",
    `export default { ...experiment, env: asDefinition(experiment.env) }`,
  ].join('\n')
  return await bundleForFunctions(file, contents, entries)
}

/**
 * The same for a program that trains its own experiment: the module that has its env, by the env's id.
 *
 * @throws MillraceError E_EXPERIMENT with file, line and column
 */
export async function bundleEnvModule(
  file: string,
  id: string,
  entries: LibraryEntries = libraryEntries(),
): Promise<Uint8Array> {
  const name = JSON.stringify(basename(file))
  const contents = [
    `import * as module from '${USER_FILE}'`,
    "import { envOfModule } from 'millrace/env'",
    `export default { env: envOfModule(module, ${JSON.stringify(id)}, ${name}) }`,
  ].join('\n')
  return await bundleForFunctions(file, contents, entries)
}

async function bundleForFunctions(file: string, contents: string, entries: LibraryEntries): Promise<Uint8Array> {
  const { build } = await import('esbuild')
  const outfile = join(dirname(file), 'millrace-env.mjs')
  const stdin = 'millrace-env.js'
  const { code, map } = await run(file, () =>
    build({
      ...COMMON,
      stdin: { contents, resolveDir: dirname(file), sourcefile: stdin },
      outfile,
      sourcemap: 'external',
      sourcesContent: false,
      minifySyntax: true,
      minifyWhitespace: true,
      external: NATIVE,
      // train() of such a copy of the library refuses, and is not carried along (see library/train.ts).
      define: { 'globalThis.millraceInFunction': 'true' },
      banner: {
        js: "import{createRequire as __envRequire}from'node:module';const require=__envRequire(import.meta.url);",
      },
      plugins: [userFile(file), libraryInside(entries)],
    }),
  )
  const foreign = (source: string) => source === join(dirname(file), stdin) || isForeign(source)
  return withUserMap(code, map, { outfile, foreign })
}

/**
 * The same for the learner of a stage, which runs it: the user's code and packages are inside, and imports of Millrace are left
 * for the learner to fill in with its own installation (see learner/stage/experimentModule.ts), so that they share every module.
 *
 * @throws MillraceError E_EXPERIMENT with file, line and column
 */
export async function bundleForLearner(file: string, entries: LibraryEntries = libraryEntries()): Promise<Uint8Array> {
  const { build } = await import('esbuild')
  const { code } = await run(file, () =>
    build({
      ...COMMON,
      entryPoints: [USER_FILE],
      outfile: 'millrace-experiment.mjs',
      minifySyntax: true,
      minifyWhitespace: true,
      external: NATIVE,
      plugins: [userFile(file), libraryLeftOpen(entries)],
    }),
  )
  return code
}

/** A file of a package, or of Millrace itself. */
function isForeign(source: string): boolean {
  const [room = ''] = relative(packageRoot(import.meta.url), source).split(sep)
  return /[\\/]node_modules[\\/]/.test(source) || MILLRACE_ROOMS.includes(room)
}

const MILLRACE_ROOMS = ['dist', 'shared', 'learner', 'functions', 'infra', 'library', 'cli', 'index.ts']

/** Packages that cannot be put into a bundle. */
const NATIVE: string[] = ['onnxruntime-node', 'esbuild', '@tensorflow/*', 'fsevents']

/** Files of data that code may import, as text; `.json` comes as what it holds, `.txt` as text, by esbuild's own rules. */
const TEXTS = { '.csv': 'text', '.tsv': 'text', '.md': 'text' } as const

const COMMON = {
  bundle: true,
  loader: TEXTS,
  write: false,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  charset: 'utf8',
  logLevel: 'silent',
  // What an ES module lacks and CommonJS packages call.
  banner: {
    js: "import{createRequire as __userRequire}from'node:module';const require=__userRequire(import.meta.url);",
  },
} as const

/** An alias for the user's file, because its own name may hold characters that mean something in a program or to esbuild: quotes, `\\`, `*`, `?`, `#`. */
const USER_FILE = 'millrace-user-file'

function userFile(file: string): Plugin {
  return {
    name: 'user-file',
    setup(build) {
      build.onResolve({ filter: /^millrace-user-file$/ }, () => ({ path: file }))
    },
  }
}

const LIBRARY = /^millrace(\/.*)?$/

function sharedPackages(entries: LibraryEntries): Plugin {
  return {
    name: 'shared-packages',
    setup(build) {
      build.onResolve({ filter: LIBRARY }, ({ path }) => external(libraryEntry(entries, path)))
      build.onResolve({ filter: /^[^./]/ }, (args) => installedPackage(build, args))
    },
  }
}

/** A bare import: left as an import of the file Node would take, unless that file is the user's own source (a path alias). */
async function installedPackage(build: PluginBuild, args: OnResolveArgs) {
  const { path, importer, resolveDir, kind, pluginData } = args
  if (kind === 'entry-point' || isAbsolute(path) || pluginData === RESOLVING) return undefined
  const found = await build.resolve(path, { importer, resolveDir, kind, pluginData: RESOLVING })
  // Without the places that they have not: esbuild then says where the import stands.
  if (found.errors.length > 0) return { errors: found.errors.map(({ text }) => ({ text })) }
  if (found.external) return found
  if (!/[\\/]node_modules[\\/]/.test(found.path)) return found
  return kind === 'require-call' ? { path: found.path, external: true } : external(found.path)
}

const RESOLVING = Symbol('resolving')

function external(file: string) {
  return { path: pathToFileURL(file).href, external: true }
}

function libraryInside(entries: LibraryEntries): Plugin {
  return {
    name: 'library-inside',
    setup(build) {
      build.onResolve({ filter: LIBRARY }, ({ path }) => ({ path: libraryEntry(entries, path) }))
    },
  }
}

function libraryLeftOpen(entries: LibraryEntries): Plugin {
  return {
    name: 'library-left-open',
    setup(build) {
      build.onResolve({ filter: LIBRARY }, ({ path }) => {
        libraryEntry(entries, path) // one that there is not is refused here, where the user sees it
        return { path: `millrace-library:${path}`, external: true }
      })
    },
  }
}

const LOADERS: Readonly<Record<string, Loader>> = {
  ts: 'ts',
  mts: 'ts',
  cts: 'ts',
  tsx: 'tsx',
  js: 'js',
  mjs: 'js',
  cjs: 'js',
  jsx: 'jsx',
}

/** Keeps `import.meta.url` what it is in the user's file, though the module runs from another place. */
const ownLocation: Plugin = {
  name: 'own-location',
  setup(build) {
    build.onLoad({ filter: /\.[mc]?[jt]sx?$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      if (!/\bimport\s*\.\s*meta\b/.test(source)) return undefined
      const own: Readonly<Record<string, string>> = {
        url: pathToFileURL(path).href,
        dirname: dirname(path),
        filename: path,
      }
      const property = /\bimport\s*\.\s*meta\s*\.\s*(url|dirname|filename)\b/g
      const contents = source.replace(property, (_, name: string) => JSON.stringify(own[name]))
      return { contents, loader: LOADERS[path.split('.').at(-1) ?? ''] ?? 'js' }
    })
  },
}

interface Built {
  readonly code: Uint8Array
  /** Empty where none was asked for. */
  readonly map: Uint8Array
}

type Build = () => Promise<{
  readonly outputFiles: readonly { readonly path: string; readonly contents: Uint8Array }[]
}>

async function run(file: string, build: Build): Promise<Built> {
  try {
    const { stop } = await import('esbuild')
    const { outputFiles } = await withService(build, stop)
    const code = outputFiles.find(({ path }) => !path.endsWith('.map'))
    const map = outputFiles.find(({ path }) => path.endsWith('.map'))
    if (!code) throw new MillraceError('E_INTERNAL', `no bundle came out of ${file}`)
    return { code: code.contents, map: map?.contents ?? new Uint8Array() }
  } catch (error) {
    if (!isBuildFailure(error)) throw error
    throw bundleError(file, error)
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors)
}
